"""``./run digest --to``: the one reader of a personal service, added or found by the owner of the machine."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.forms import Field

from subscriptions import consent
from subscriptions.models import Preference, Subscriber, Suppression, Topic, email_key
from subscriptions.preferences import Choices, Wish, save_choices
from subscriptions.web.fields import Address, PhraseList

WRONG = 2  # exit code


@dataclass(frozen=True, slots=True)
class Recipient:
    """The values typed after ``--to``, ``--topics``, ``--words`` and ``--library``."""

    address: str
    topics: Sequence[str] = ()
    words: Sequence[str] = ()
    replace: bool = False
    library: Path | None = None


def add_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("a digest for one reader")
    group.add_argument("--to", metavar="ADDRESS", help="send only to this reader, who is added if new")
    group.add_argument("--topics", nargs="+", default=[], metavar="TOPIC", help="topics they want, by name")
    group.add_argument("--words", nargs="+", default=[], metavar="PHRASE", help="words and phrases they want")
    group.add_argument("--library", type=Path, metavar="FILE", help="papers for their list: BibTeX, RIS and more")
    group.add_argument("--replace", action="store_true", help="replace the topics and words of a known reader")
    # ./run reads it, before any setting is
    group.add_argument("--send", action="store_true", help="send by MAIL_PROVIDER; without it, into the outbox only")


def recipient_from(
    *,
    to: str | None,
    topics: Sequence[str],
    words: Sequence[str],
    replace: bool,
    send: bool,
    library: Path | None = None,
) -> Recipient | None:
    """Return who is named by these options, None without ``--to``. Raises CommandError."""
    if to is None:
        if topics or words or replace or send or library:
            raise CommandError(
                "--topics, --words, --library, --replace and --send need --to ADDRESS.", returncode=WRONG
            )
        return None
    if send and settings.MAIL_PROVIDER == "outbox":
        why = (
            "MAIL_PROVIDER is outbox"
            if settings.MODE == "live"
            else f"the {settings.MODE} day never leaves the machine"
        )
        raise CommandError(
            f"Nothing can be sent: {why}. docs/operators.md says how to name a provider.", returncode=WRONG
        )
    return Recipient(to, topics, words, replace, library)


def reader_of(recipient: Recipient, *, now: datetime) -> Subscriber:
    """Return this reader, added with a consent event of the operator's if new. Raises CommandError."""
    address = _checked("--to", Address(), recipient.address)
    wishes = _wishes(recipient)
    if Suppression.objects.blocking(address).exists():
        raise CommandError(
            f"{address} is suppressed: it bounced, complained or asked for no mail, so nothing is sent to it. The "
            "dashboard, Readers, shows why.",
            returncode=WRONG,
        )
    reader = Subscriber.objects.filter(email_key=email_key(address)).first()
    if reader is None or reader.status == Subscriber.Status.PENDING:
        return consent.add_by_operator(address, Choices(wishes=wishes), now=now)
    if reader.status != Subscriber.Status.ACTIVE:
        raise CommandError(
            f"{address} is {reader.get_status_display().lower()}. Only they can change that, with the link in their "
            "last mail or on the sign-up page.",
            returncode=WRONG,
        )
    if wishes and set(wishes) != _wanted(reader):
        _replace_choices(reader, wishes, is_agreed=recipient.replace, now=now)
    return reader


def _replace_choices(reader: Subscriber, wishes: tuple[Wish, ...], *, is_agreed: bool, now: datetime) -> None:
    """Replace the topics and words of a reader, if the operator agrees, and keep everything else."""
    if not is_agreed and not _agrees(f"{reader.email} has chosen other topics and words. Replace them? [y/N] "):
        raise CommandError(
            f"{reader.email} has chosen other topics and words, and they were kept. To replace them, add --replace; "
            "to use them, leave --topics and --words out.",
            returncode=WRONG,
        )
    now_chosen = Choices.of(reader)
    kept = tuple(wish for wish in now_chosen.wishes if not _is_wanted(wish))
    save_choices(reader, replace(now_chosen, wishes=(*wishes, *kept)), now=now)


def _agrees(question: str) -> bool:
    return sys.stdin.isatty() and input(question).strip().lower() in ("y", "yes")


def _is_wanted(wish: Wish) -> bool:
    return wish.stance == Preference.Stance.WANT and wish.kind in (Preference.Kind.TOPIC, Preference.Kind.KEYWORD)


def _wanted(reader: Subscriber) -> set[Wish]:
    return {wish for wish in Choices.of(reader).wishes if _is_wanted(wish)}


def _wishes(recipient: Recipient) -> tuple[Wish, ...]:
    words = _checked("--words", PhraseList(), "\n".join(recipient.words))
    slugs = _slugs([name for given in recipient.topics for name in given.split(",") if name.strip()])
    return (*(Wish("topic", slug) for slug in slugs), *(Wish("keyword", phrase) for phrase in words))


def _slugs(names: Sequence[str]) -> list[str]:
    """Return the slugs of topics that are named or slugged so, whatever their case. Raises CommandError."""
    topics = list(Topic.objects.filter(offered=True)) if names else []
    known = {key.casefold(): topic.slug for topic in topics for key in (topic.name, topic.slug)}
    found = []
    for name in names:
        if (slug := known.get(name.strip().casefold())) is None:
            close = get_close_matches(name.strip().casefold(), known, n=3, cutoff=0.5)
            near = f"Near it: {', '.join(close)}." if close else "The sign-up page lists all topics."
            raise CommandError(f"There is no topic {name.strip()!r}. {near}", returncode=WRONG)
        found.append(slug)
    return list(dict.fromkeys(found))


def _checked(option: str, field: Field, typed: str) -> Any:
    """Return the value that a form's field makes of this text. Raises CommandError with the field's own words."""
    try:
        return field.clean(typed)
    except ValidationError as error:
        raise CommandError(f"{option}: {' '.join(error.messages)}", returncode=WRONG) from None
