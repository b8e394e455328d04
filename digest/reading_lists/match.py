"""Find the stored papers that the works of a list are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from digest.identifiers.canonical import title_identifier
from digest.ingest.reference_lists import ListedWork
from digest.models import Identifier, ListEntry, Paper
from subscriptions.models import Subscriber

CHUNK = 400  # names of one query; SQLite takes 999 values at least


class Outcome(StrEnum):
    """What becomes of a work of a list."""

    KNOWN = "known"  # a stored paper, which counts as a like
    TEXT = "text"  # not stored here; its title and abstract are kept
    MISSING = "missing"  # only a name, of no stored paper: there is nothing to keep
    LISTED = "listed"  # in another part of the reader's list already


@dataclass(frozen=True, slots=True)
class Match:
    """A work of a list, the paper that it is (None if it is not stored), and what becomes of it."""

    work: ListedWork
    paper: Paper | None
    outcome: Outcome

    @property
    def title(self) -> str:
        """Return what a person recognises it by."""
        return self.work.title or (self.paper.title if self.paper else self.work.names[0].partition(":")[2])


def match(works: Sequence[ListedWork], *, reader: Subscriber, apart_from: int | None = None) -> list[Match]:
    """Return the works of a list with their papers; one query for 400 names.

    A paper is found by an identifier, else by its exact normalised title. ``apart_from`` is the part of the reader's
    list that is being read again.
    """
    papers = _papers(works)
    others = ListEntry.objects.filter(subscriber=reader).exclude(source=apart_from)
    taken = {*others.values_list("name", flat=True)}
    taken_papers = {*others.exclude(paper=None).values_list("paper", flat=True)}
    matches = []
    for work in works:
        paper = next((papers[name] for name in _names(work) if name in papers), None)
        if work.name in taken or (paper and paper.pk in taken_papers):
            outcome = Outcome.LISTED
        elif paper:
            outcome = Outcome.KNOWN
        else:
            outcome = Outcome.TEXT if work.title else Outcome.MISSING
        matches.append(Match(work, paper, outcome))
        taken_papers |= {paper.pk} if paper else set()
    return matches


def _names(work: ListedWork) -> tuple[str, ...]:
    return (*work.names, title_identifier(work.title)) if work.title else work.names


def _papers(works: Sequence[ListedWork]) -> dict[str, Paper]:
    names = list(dict.fromkeys(name for work in works for name in _names(work)))
    found: dict[str, Paper] = {}
    for start in range(0, len(names), CHUNK):
        rows = Identifier.objects.filter(value__in=names[start : start + CHUNK]).select_related("paper")
        found |= {row.value: row.paper for row in rows}
    return found
