"""What a signed-in reader can do with each paper of a page: more, less, save, and what one click mutes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import prefetch_related_objects
from django.urls import reverse

from digest.identifiers.addresses import short_name
from digest.models import Paper
from digest.ranking.words import fold
from digest.reader_data.mute import MuteOption, mute_options
from subscriptions.models import Preference, Subscriber

AUTHORS = 3  # that one click mutes
Stances = dict[tuple[str, int | str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperActs:
    """The buttons under one paper.

    ``path`` is where they post to, ``place`` the anchor of their form. ``verdict`` is what the reader said of the
    paper, empty if nothing; ``mutes`` are what its buttons mute, the first in one click; ``all_mutes`` is a page with
    others.
    """

    path: str
    place: str
    verdict: str
    is_saved: bool
    mutes: list[MuteOption]
    all_mutes: str = ""


def acts_for(reader: Subscriber | None, papers: Iterable[Paper]) -> dict[int, PaperActs]:
    """Return a reader's buttons by paper, none for a visitor. Four queries, however many papers there are."""
    shown = list(papers)
    if reader is None or not shown:
        return {}
    verdicts = dict(reader.verdicts.filter(paper__in=shown).values_list("paper", "value"))
    saves = {*reader.saves.filter(paper__in=shown).values_list("paper", flat=True)}
    stances = {(row.kind, row.topic_id or fold(row.value)): row.stance for row in reader.preferences.all()}
    prefetch_related_objects(shown, "topics")
    return {
        paper.pk: PaperActs(
            path=reverse("paper_act", args=[short_name(paper.identifier, paper.pk)]),
            place=place_of(paper),
            verdict=verdicts.get(paper.pk, ""),
            is_saved=paper.pk in saves,
            mutes=_mutes(paper, stances),
        )
        for paper in shown
    }


def place_of(paper: Paper) -> str:
    """Return the anchor of a paper's buttons."""
    return f"paper-{paper.pk}"


def _mutes(paper: Paper, stances: Stances) -> list[MuteOption]:
    """Return topics, the first authors and categories that are not muted; what the reader asked for comes last.

    Words are on the page with all mutes.
    """
    order: list[str] = [Preference.Kind.TOPIC, Preference.Kind.AUTHOR, Preference.Kind.CATEGORY]
    options = [one for one in mute_options(paper, authors=AUTHORS) if one.kind in order]
    options.sort(key=lambda one: (stances.get(one.key) == Preference.Stance.WANT, order.index(one.kind)))
    return [one for one in options if stances.get(one.key) != Preference.Stance.MUTE]
