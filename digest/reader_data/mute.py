"""Mute a paper's authors, topics, categories or words, and undo that."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.core.exceptions import ValidationError
from django.db import transaction

from digest.ingest.parsers.taxonomy import CATEGORIES
from digest.models import Paper
from digest.ranking.words import fold, telling_words
from subscriptions.mail.rendering import one_line
from subscriptions.models import Preference, Subscriber, Topic
from subscriptions.schedule import local_date
from subscriptions.web.fields import MOST_PHRASES, CategoryList, NameList, PhraseList

MOST_AUTHORS, MOST_WORDS = 40, 6  # offered
MOST_READ = 200  # authors read of a paper by thousands
# Mutes of one kind: as many as the form of the preferences takes
FULL = MOST_PHRASES


class CannotMute(Exception):
    """Raised with a sentence for the reader."""


@dataclass(frozen=True, slots=True)
class MuteOption:
    """An author, topic, category or word to mute: the values of its row, and its label."""

    kind: str  # Preference.Kind
    value: str  # a topic's slug, or the word, category or name
    label: str
    topic: Topic | None = None

    @property
    def name(self) -> str:
        """Return the value that a form sends for it."""
        return f"{self.kind}:{self.value}"

    @property
    def key(self) -> tuple[str, int | str]:
        """Return what a row of preferences with the same kind and value is found by."""
        return self.kind, self.topic.pk if self.topic else fold(self.value)


def mute_options(paper: Paper, *, authors: int = MOST_AUTHORS) -> list[MuteOption]:
    """Return the mutes that this paper offers, its first ``authors`` first. One query, for its topics.

    Names and categories that the form of the preferences cannot show are left out.
    """
    names = (name for name in _distinct(paper.authors) if _shows_again(NameList(), name))
    categories = [code for code in _distinct(paper.categories) if _shows_again(CategoryList(), code)]
    return [
        *[MuteOption(Preference.Kind.AUTHOR, name, name) for name in islice(names, authors)],
        *[MuteOption(Preference.Kind.TOPIC, topic.slug, topic.name, topic) for topic in paper.topics.all()],
        *[
            MuteOption(Preference.Kind.CATEGORY, code, f"{code} {CATEGORIES.get(code, '')}".strip())
            for code in categories
        ],
        *[MuteOption(Preference.Kind.KEYWORD, word, f"“{word}”") for word in _words_to_offer(paper.title)],
    ]


def _distinct(values: Iterable[object]) -> list[str]:
    return list(dict.fromkeys(one_line(str(value)) for value in values))[:MOST_READ]


def _shows_again(field: PhraseList, value: str) -> bool:
    try:
        return list(field.clean(value)) == [value]
    except ValidationError:
        return False


def words_to_mute(typed: str) -> list[MuteOption]:
    """Parse words or phrases typed between commas or on lines. Raises CannotMute for one that would match nothing."""
    try:
        phrases = PhraseList().clean(typed)
    except ValidationError as error:
        raise CannotMute(" ".join(error.messages)) from None
    return [MuteOption(Preference.Kind.KEYWORD, phrase, f"“{phrase}”") for phrase in phrases]


def mute(reader: Subscriber, choices: Iterable[MuteOption], *, now: datetime) -> tuple[list[int], list[int]]:
    """Mute these things for this reader; return the ids of created rows, and of rows that were wanted before.

    Existing mutes stay; wishes and mutes that have ended are replaced. Raises CannotMute, and writes nothing, for a
    reader who has too many rows or who was erased.
    """
    made, turned = list[int](), list[int]()
    with transaction.atomic():
        present = Subscriber.objects.exclude(status=Subscriber.Status.ERASED).filter(pk=reader.pk)
        if not present.select_for_update():  # two presses at once take turns, and erasure has the last word
            raise CannotMute("Nothing is kept about this reader any more, so nothing can be muted.")
        mine = Preference.objects.filter(subscriber=reader)
        mine.filter(until__lt=local_date(reader.zone, now)).delete()
        rows = {(row.kind, row.topic_id or fold(row.value)): row for row in mine}
        for choice in choices:
            row = rows.get(choice.key)
            if row is not None and row.stance == Preference.Stance.MUTE:
                continue
            if sum(one.kind == choice.kind and one.stance == Preference.Stance.MUTE for one in rows.values()) >= FULL:
                raise CannotMute(f"You already mute {FULL} of these. Remove some in your preferences first.")
            if row is None:
                rows[choice.key] = row = Preference.objects.create(
                    subscriber=reader,
                    kind=choice.kind,
                    topic=choice.topic,
                    value="" if choice.topic else choice.value,
                    stance=Preference.Stance.MUTE,
                )
                made.append(row.pk)
            else:
                row.stance, row.until = Preference.Stance.MUTE, None
                row.save(update_fields=["stance", "until"])
                turned.append(row.pk)
    return made, turned


def unmute(reader: Subscriber, *, made: Sequence[int], turned: Sequence[int]) -> None:
    """Undo :func:`mute` for rows still muted: delete the ``made`` ones, make the ``turned`` ones wanted again."""
    muted = Preference.objects.filter(subscriber=reader, stance=Preference.Stance.MUTE)
    with transaction.atomic():
        muted.filter(pk__in=made).delete()
        muted.filter(pk__in=turned).update(stance=Preference.Stance.WANT)


def _words_to_offer(title: str) -> list[str]:
    """Return the longest words of a title without stop words, in its order."""
    found = dict.fromkeys(word for word in re.findall(r"[^\W\d_][\w’'-]{3,39}", one_line(title)) if telling_words(word))
    longest = sorted(found, key=len, reverse=True)[:MOST_WORDS]
    return [word for word in found if word in longest]
