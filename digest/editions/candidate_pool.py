"""Collect the papers that a digest may use, of a week's editions, with the curators' judgements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np
from django.db.models.fields.json import KT
from numpy.typing import NDArray

from digest.editions.archive import READ_AT_ONCE, archive_of, text_of
from digest.editions.late_votes import LateVotes
from digest.editions.open_edition import WINDOW, candidates
from digest.models import CuratorPick, Edition, EditionPaper, Paper
from digest.models.key_lists import among
from digest.ranking import personal
from digest.ranking.archive import Archive, Vectorizer
from digest.ranking.features import Day, PaperMatrix
from digest.ranking.matching import Index, Rule
from digest.ranking.trending import standardise
from digest.vectors import day_vectors

MOST_RULES = 2000  # that are kept from batch to batch: four bytes a paper each
Place = tuple[bool, int, int]  # of a pick: not placed by hand, minus its day, its position


@dataclass(frozen=True, slots=True)
class CandidatePool:
    """The P papers of the week's E editions, each with its newest card and the curators' judgement.

    ``row_of`` is the inverse of ``ids``; ``added`` are picked papers without a row in their edition yet; ``inside`` is
    true where an edition has a paper; ``eligible`` papers are not hidden, withdrawn or under embargo. ``frozen`` has
    the trending scores and the votes (2, P) of the editions, NaN without; those read last, at ``votes_read_at``, take
    their place in ``popularity``. ``voted`` marks papers on a source with votes, ``has_votes`` those with at least one.
    ``notes`` maps the row of a picked paper to the curator's note; ``topic_picks`` maps one picked for a topic's
    readers to that topic's slug and the note. ``places`` orders the picks. ``first_seen`` and ``embargo_ended_at``
    (-inf without one) are in seconds.
    """

    editions: list[Edition]  # oldest first
    ids: NDArray[np.int64]  # (P,)
    row_of: dict[int, int]
    titles: list[str]  # as on the cards
    first_seen: NDArray[np.float64]  # (P,)
    index: Index
    added: list[EditionPaper]
    inside: NDArray[np.bool_]  # (E, P)
    eligible: NDArray[np.bool_]  # (P,)
    frozen: NDArray[np.float64]  # (2, P)
    votes_read_at: datetime | None
    popularity: NDArray[np.float64]  # (P,)
    voted: NDArray[np.bool_]  # (P,)
    has_votes: NDArray[np.bool_]  # (P,)
    pick: NDArray[np.float64]  # (P,)
    notes: dict[int, str]
    topic_picks: dict[int, tuple[str, str]]
    places: dict[int, Place]
    embargo_ended_at: NDArray[np.float64]  # (P,)
    day: Day

    @classmethod
    def load(cls, now: datetime) -> CandidatePool:
        """Read the current pool. Writes nothing, so that previews can use it."""
        editions = editions_of_the_week(now)
        judged = judgements(editions)
        rows = list(_rows_of(editions))
        added = _picked_beyond(rows, editions, judged.values(), now=now)
        date_of = {edition.pk: edition.date for edition in editions}
        newest: dict[int, _Candidate] = {}
        held: dict[int, set[int]] = defaultdict(set)
        for row in sorted([*rows, *map(_Candidate.of, added)], key=lambda row: date_of[row.edition_id]):
            newest[row.paper_id] = row
            held[row.edition_id].add(row.paper_id)
        archive = archive_of(editions[-1]) if newest else Archive.of([])
        papers = _Papers(archive)
        papers.read(list(newest))
        ids = papers.ids
        row_of = {paper_id: row for row, paper_id in enumerate(ids)}
        frozen = np.array([(newest[one].trending, newest[one].votes) for one in ids], float).reshape(-1, 2).T
        return cls(
            editions=editions,
            ids=np.array(ids, np.int64),
            row_of=row_of,
            titles=[newest[one].title for one in ids],
            first_seen=np.array(papers.first_seen, float),
            index=papers.index,
            added=added,
            inside=np.array([[one in held[edition.pk] for one in ids] for edition in editions], bool).reshape(
                len(editions), len(ids)
            ),
            frozen=frozen,
            day=Day.of(papers.texts.texts(), archive=archive, vectors=day_vectors(ids), categories=papers.categories),
            **_voted(frozen, ids, editions, now=now),
            **_judged(row_of, judged, papers.withdrawn, now=now),
        )

    def with_votes(self, now: datetime) -> CandidatePool:
        """Return the same papers with the latest votes."""
        return replace(self, **_voted(self.frozen, self.ids.tolist(), self.editions, now=now))

    def with_judgements(
        self, judged: dict[int, CuratorPick], withdrawn: Iterable[int], *, now: datetime
    ) -> CandidatePool:
        """Return the same papers with the current judgements."""
        return replace(self, **_judged(self.row_of, judged, withdrawn, now=now))

    def save_added(self) -> None:
        """Save the added papers, so that the mails find their cards."""
        EditionPaper.objects.bulk_create(self.added, ignore_conflicts=True)
        if self.added:
            Edition.objects.filter(pk__in={row.edition_id for row in self.added}).update(
                topic_counts=None, seen_before=None
            )

    def against(self, rules: Sequence[Rule]) -> PaperMatrix:
        """Return these papers as input of the ranking, for readers who want any of these rules."""
        return self.as_it_stands(self.day.against(rules, self.index.match(rules)))

    def as_it_stands(self, papers: PaperMatrix) -> PaperMatrix:
        """Return the matrix with the current picks, boosts and votes."""
        return replace(papers, pick=self.pick.astype(np.float32), popularity=self.popularity.astype(np.float32))


class MatchedRules:
    """The pool's papers against the rules of one batch of readers after the other: each rule is matched once."""

    def __init__(self, pool: CandidatePool) -> None:
        self._pool = pool
        self._rows: dict[Rule, int] = {}
        self._papers: PaperMatrix | None = None

    def against(self, rules: Sequence[Rule]) -> PaperMatrix:
        """Return what ``pool.against(rules)`` does, for distinct rules."""
        if len(self._rows) > MOST_RULES:
            self._rows, self._papers = {}, None
        if (new := [rule for rule in rules if rule not in self._rows]) or self._papers is None:
            self._rows |= {rule: row for row, rule in enumerate(new, start=len(self._rows))}
            found = self._pool.against(new)
            self._papers = PaperMatrix.together([self._papers, found]) if self._papers else found
        return self._papers.for_rules(np.array([self._rows[rule] for rule in rules], np.int64))


def editions_of_the_week(now: datetime) -> list[Edition]:
    """Return the editions of the last week, oldest first."""
    week = Edition.objects.filter(date__gt=now.date() - WINDOW, date__lte=now.date(), opened_at__lte=now)
    return list(week.order_by("date"))


def judgements(editions: Iterable[Edition], recent: Iterable[CuratorPick] | None = None) -> dict[int, CuratorPick]:
    """Return the curators' judgements for these editions by paper; the latest day counts.

    ``recent`` are those of :func:`judgements_since`, if the caller has them.
    """
    dates = {edition.date for edition in editions}
    if recent is None:
        recent = CuratorPick.objects.filter(edition_date__in=dates).select_related("topic").order_by("edition_date")
    return {one.paper_id: one for one in recent if one.edition_date in dates}


def judgements_since(day: date) -> list[CuratorPick]:
    """Return the judgements for the days after ``day``, oldest first, also for editions that have not opened."""
    return list(CuratorPick.objects.filter(edition_date__gt=day).select_related("topic").order_by("edition_date"))


def is_held_back(judgement: CuratorPick, now: datetime) -> bool:
    """Return whether its paper must not be shown: hidden, or still under embargo."""
    embargo = judgement.embargo_until
    return judgement.verdict == CuratorPick.Verdict.HIDE or (embargo is not None and embargo > now)


class _Candidate(NamedTuple):
    """A paper's row in an edition; ``trending`` is NaN and ``votes`` 0 without any."""

    edition_id: int
    paper_id: int
    trending: float
    votes: float
    title: str  # as on the card

    @staticmethod
    def of(row: EditionPaper) -> _Candidate:
        title, votes = row.card["title"], row.inputs.get("points")
        return _Candidate(row.edition_id, row.paper_id, _or_nan(row.trending), float(votes or 0), title)


def _or_nan(score: float | None) -> float:
    return np.nan if score is None else score


def _rows_of(editions: Iterable[Edition]) -> Iterator[_Candidate]:
    """Return the editions' rows, oldest first. One query."""
    rows = EditionPaper.objects.filter(edition__in=editions).order_by("edition__date", "pk")
    columns = rows.values_list("edition_id", "paper_id", "trending", KT("inputs__points"), KT("card__title"))
    for edition_id, paper_id, trending, votes, title in columns.iterator(READ_AT_ONCE):
        yield _Candidate(edition_id, paper_id, _or_nan(trending), float(votes or 0), title)


class _Papers:
    """Columns of papers, filled while they are read, so that few abstracts are in memory at once."""

    def __init__(self, archive: Archive) -> None:
        self.ids, self.first_seen = list[int](), list[float]()
        self.categories, self.withdrawn = list[list[str]](), list[int]()
        self.texts, self.index = Vectorizer(archive), Index(tokens=archive.tokens)

    def read(self, papers: Sequence[int]) -> None:
        """Read these papers, in this order, but those that were removed meanwhile."""
        columns = ("pk", "title", "abstract", "authors", "categories", "first_seen_at", "withdrawn_at")
        for start in range(0, len(papers), READ_AT_ONCE):
            some = papers[start : start + READ_AT_ONCE]
            rows = Paper.objects.filter(pk__in=among(some)).order_by().values_list(*columns, named=True)
            found = {row.pk: row for row in rows}
            for row in (found[one] for one in some if one in found):
                self.ids.append(row.pk)
                self.first_seen.append(row.first_seen_at.timestamp())
                self.categories.append(row.categories)
                if row.withdrawn_at is not None:
                    self.withdrawn.append(row.pk)
                self.index.add(row, token_row=self.texts.add(text_of(row.title, row.abstract)))
        self.index.close()


def _picked_beyond(
    rows: Sequence[_Candidate], editions: Sequence[Edition], picks: Iterable[CuratorPick], *, now: datetime
) -> list[EditionPaper]:
    """Return unsaved rows of picked papers that were not candidates, in the editions they were picked for."""
    by_date: dict[date, Edition] = {edition.date: edition for edition in editions}
    there = {(row.edition_id, row.paper_id) for row in rows}
    joining = {
        one.paper_id: by_date[one.edition_date]
        for one in picks
        if one.verdict == CuratorPick.Verdict.PICK and (by_date[one.edition_date].pk, one.paper_id) not in there
    }
    made = candidates(list(Paper.objects.filter(pk__in=joining).order_by("pk")), now=now) if joining else []
    return [candidate.for_edition(joining[candidate.paper.pk]) for candidate in made]


def _voted(
    frozen: NDArray[np.float64], papers: Sequence[int], editions: Sequence[Edition], *, now: datetime
) -> dict[str, Any]:
    """Return the columns that change when votes are read; a paper without a reading keeps those of its edition."""
    late = LateVotes.of(papers, editions, now=now)
    is_read = ~np.isnan(late.score)
    trending, votes = np.where(is_read, [late.score, late.points], frozen)
    return {
        "votes_read_at": late.read_at,
        "popularity": standardise(trending),
        "voted": ~np.isnan(trending),
        "has_votes": votes > 0,
    }


def _judged(
    row_of: dict[int, int], judged: dict[int, CuratorPick], withdrawn: Iterable[int], *, now: datetime
) -> dict[str, Any]:
    """Return the columns that change while an edition is open."""
    eligible = np.ones(len(row_of), bool)
    eligible[[row_of[paper_id] for paper_id in withdrawn if paper_id in row_of]] = False
    pick, embargo_ended_at = np.zeros(len(row_of)), np.full(len(row_of), -np.inf)
    notes, topic_picks, places = dict[int, str](), dict[int, tuple[str, str]](), dict[int, Place]()
    for paper_id, one in judged.items():
        if (place := row_of.get(paper_id)) is None:
            continue
        if one.embargo_until:
            embargo_ended_at[place] = one.embargo_until.timestamp()
        if is_held_back(one, now):
            eligible[place] = False
        elif one.verdict == CuratorPick.Verdict.BOOST:
            pick[place] = personal.BOOST
        else:
            if one.topic:
                topic_picks[place] = (one.topic.slug, one.note)
            else:
                pick[place], notes[place] = personal.PICK, one.note
            places[place] = _place(one)
    return {
        "eligible": eligible,
        "pick": pick,
        "notes": notes,
        "topic_picks": topic_picks,
        "places": places,
        "embargo_ended_at": embargo_ended_at,
    }


def _place(one: CuratorPick) -> Place:
    """Return a pick's place: those placed by hand first, of the newest day first; the ranking orders the others."""
    return (True, 0, 0) if one.position is None else (False, -one.edition_date.toordinal(), one.position)
