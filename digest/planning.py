"""Plan: rank the open editions for each reader, and write each reader's row for the day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import cast

import numpy as np
from django.db import transaction
from numpy.typing import NDArray
from scipy.sparse import csr_array

from digest.compose import Reason, subject_line
from digest.ingest import topic_rule
from digest.models import Batch, CuratorPick, Delivery, Edition, EditionPaper, Paper
from digest.publishing import WINDOW, candidates
from digest.ranking import personal
from digest.ranking.features import Archive, PaperMatrix, ReaderBatch
from digest.ranking.personal import TERMS, Ranking, rank
from digest.ranking.trending import standardised
from digest.tagging import Kind, Rule, match
from subscriptions.links import message_id
from subscriptions.models import Preference, Subscriber, Suppression
from subscriptions.schedule import local_date, next_send_at, zone_of

BATCH = 1000  # readers ranked in one computation, and deliveries leased as one row
ARCHIVE_DAYS, ARCHIVE_SIZE = 45, 10_000  # whose texts say how rare a word is
CATCH_UP = timedelta(hours=5)  # how late a digest may leave
STANDS_OUT = 1.0  # deviations above the day's mean from which a paper is said to be trending

NOTHING_MATCHED = "Nothing that came in matched what you asked for."
NOTHING_CAME = "No new paper came in."
TOO_LATE = "No edition was ready in time; its papers are in the next digest."
PAUSED = "You paused your digests."
SUPPRESSED = "Mail to this address is suppressed."


@dataclass(slots=True)
class Planned:
    """How many readers got which row; the held ones wait for an edition newer than their last digest."""

    ready: int = 0
    skipped: int = 0
    held: int = 0


def plan(now: datetime, subscriber_ids: Iterable[int], *, issue_date: date | None = None) -> Planned:
    """Give each of these readers a row for their issue date: ready, or why not.

    With an ``issue_date`` it is that one, whatever the reader's hour. Without, it is the local date on which the
    reader is due by ``now``; days whose window has closed get a row that says so. A reader who has a row for the date
    is left alone, so planning twice is harmless. Each thousand readers are ranked in one computation and written in
    one transaction.
    """
    planned, ids = Planned(), list(subscriber_ids)
    pool = Pool.of_the_week(now) if ids else None
    for start in range(0, len(ids), BATCH):
        everyone = list(Subscriber.objects.on_the_list().filter(pk__in=ids[start : start + BATCH]).order_by("pk"))
        lapsed = [] if issue_date else [row for reader in everyone for row in _lapsed(reader, now)]
        readers = _Readers.among(everyone, now=now, issue_date=issue_date)
        rows = [*lapsed, *(_rows_for(readers, pool, now=now) if pool else [])]
        _write(rows, now=now)
        planned.ready += sum(row.status == Delivery.Status.READY for row in rows)
        planned.skipped += sum(row.status == Delivery.Status.SKIPPED for row in rows)
        planned.held += len(readers.due) - (len(rows) - len(lapsed))
    return planned


# --- the papers ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pool:
    """The week's E editions laid together: P papers, each with its newest card, and what curators say of them."""

    editions: list[Edition]  # oldest first
    papers: list[EditionPaper]
    inside: NDArray[np.bool_]  # (E, P)
    may_go: NDArray[np.bool_]  # (P,) not hidden, withdrawn or under embargo
    popularity: NDArray[np.float64]  # (P,)
    pick: NDArray[np.float64]  # (P,)
    notes: dict[int, str]  # row of a picked paper -> the curator's note

    @classmethod
    def of_the_week(cls, now: datetime) -> Pool:
        editions = list(
            Edition.objects.filter(date__gt=now.date() - WINDOW, date__lte=now.date(), opened_at__lte=now).order_by(
                "date"
            )
        )
        picks = list(CuratorPick.objects.filter(edition_date__in=[edition.date for edition in editions]))
        _admit_picked(editions, picks, now=now)
        newest: dict[int, EditionPaper] = {}
        held: dict[int, set[int]] = defaultdict(set)
        for row in EditionPaper.objects.filter(edition__in=editions).order_by("edition__date").select_related("paper"):
            newest[row.paper_id] = row
            held[row.edition_id].add(row.paper_id)
        papers = list(newest.values())
        row_of = {paper_id: row for row, paper_id in enumerate(newest)}
        may_go = np.array([row.paper.withdrawn_at is None for row in papers], bool)
        pick, notes = np.zeros(len(papers)), dict[int, str]()
        for judged in picks:
            if (place := row_of.get(judged.paper_id)) is None:
                continue
            if judged.verdict == CuratorPick.Verdict.HIDE or (judged.embargo_until and judged.embargo_until > now):
                may_go[place] = False
            elif judged.verdict == CuratorPick.Verdict.PICK:
                pick[place], notes[place] = personal.PICK, judged.note
            else:
                pick[place] = max(pick[place], personal.BOOST)
        return cls(
            editions=editions,
            papers=papers,
            inside=np.array([[paper in held[edition.pk] for paper in newest] for edition in editions], bool).reshape(
                len(editions), len(papers)
            ),
            may_go=may_go,
            popularity=standardised(
                np.array([np.nan if row.trending is None else row.trending for row in papers], float)
            ),
            pick=pick,
            notes=notes,
        )

    def against(self, rules: Sequence[Rule], *, now: datetime) -> PaperMatrix:
        """These papers as the ranking sees them, for readers who want any of these rules."""
        archive = _archive(_archive_texts(now))
        return PaperMatrix.of(
            archive.read(_text(row.paper.title, row.paper.abstract) for row in self.papers),
            archive=archive,
            rules=rules,
            matches=match(rules, [row.paper for row in self.papers]),
            popularity=self.popularity,
            pick=self.pick,
        )


def _admit_picked(editions: Sequence[Edition], picks: Sequence[CuratorPick], *, now: datetime) -> None:
    """A curator may pick a paper that was no candidate: it joins the edition it was picked for."""
    by_date = {edition.date: edition for edition in editions}
    for one in picks:
        edition = by_date[one.edition_date]
        if one.verdict == CuratorPick.Verdict.PICK and not edition.candidates.filter(paper=one.paper_id).exists():
            (candidate,) = candidates([one.paper], now=now)
            EditionPaper.objects.bulk_create([candidate.for_edition(edition)], ignore_conflicts=True)


def _archive_texts(now: datetime) -> tuple[str, ...]:
    recent = Paper.objects.filter(first_seen_at__range=(now - timedelta(days=ARCHIVE_DAYS), now))
    rows = recent.order_by("-first_seen_at", "-pk").values_list("title", "abstract")[:ARCHIVE_SIZE]
    return tuple(_text(title, abstract) for title, abstract in rows)


@lru_cache(maxsize=1)
def _archive(texts: tuple[str, ...]) -> Archive:
    return Archive.of(texts)  # seconds for 10,000 texts, so kept while the texts stay the same


def _text(title: str, abstract: str) -> str:
    return f"{title}. {abstract}"


# --- the readers -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Readers:
    """S readers who have no row for their issue date yet, what they ask for, and what they had."""

    due: list[Subscriber]
    issue_dates: list[date]
    rules: list[Rule]
    wants: csr_array  # (S, R)
    mutes: csr_array  # (S, R)
    had: list[set[int]]  # papers sent before
    last_edition: list[date | None]
    suppressed: set[int]

    @classmethod
    def among(cls, everyone: Sequence[Subscriber], *, now: datetime, issue_date: date | None) -> _Readers:
        days = {
            reader: issue_date or local_date(reader.zone, reader.next_send_at)
            for reader in everyone
            if issue_date or (reader.next_send_at and reader.next_send_at <= now)
        }
        earlier = Delivery.objects.filter(subscriber__in=days, issue_date__gte=now.date() - 5 * WINDOW)
        taken: set[tuple[int, date]] = set()
        had: dict[int, set[int]] = defaultdict(set)
        last: dict[int, date] = {}
        for row in earlier.select_related("edition").only(
            "subscriber_id", "issue_date", "status", "paper_ids", "edition__date"
        ):
            taken.add((row.subscriber_id, row.issue_date))
            if row.edition and row.status in (*Delivery.SENT, *Delivery.OPEN):
                had[row.subscriber_id].update(row.paper_ids)
                last[row.subscriber_id] = max(row.edition.date, last.get(row.subscriber_id, row.edition.date))
        due = [reader for reader, day in days.items() if (reader.pk, day) not in taken]
        rules, wants, mutes = _rules_of(due, {reader: days[reader] for reader in due})
        return cls(
            due=due,
            issue_dates=[days[reader] for reader in due],
            rules=rules,
            wants=wants,
            mutes=mutes,
            had=[had[reader.pk] for reader in due],
            last_edition=[last.get(reader.pk) for reader in due],
            suppressed=Suppression.objects.blocked(due),
        )


def _rules_of(readers: Sequence[Subscriber], today: dict[Subscriber, date]) -> tuple[list[Rule], csr_array, csr_array]:
    """The distinct rules these readers want or mute, and who does which."""
    row_of = {reader.pk: row for row, reader in enumerate(readers)}
    columns: dict[Rule, int] = {}
    chosen: dict[str, list[tuple[int, int]]] = {Preference.Stance.WANT: [], Preference.Stance.MUTE: []}
    for one in Preference.objects.filter(subscriber__in=readers).select_related("topic").order_by("pk"):
        row = row_of[one.subscriber_id]
        if one.until is None or one.until >= today[readers[row]]:
            chosen[one.stance].append((row, columns.setdefault(_rule(one), len(columns))))
    shape = (len(readers), len(columns))
    wants, mutes = (
        csr_array((np.ones(len(cells), np.float32), tuple(np.array(cells, int).reshape(-1, 2).T)), shape=shape)
        for cells in chosen.values()
    )
    return list(columns), wants, mutes


def _rule(preference: Preference) -> Rule:
    return topic_rule(preference.topic) if preference.topic else Rule(cast(Kind, preference.kind), preference.value)


# --- the rows --------------------------------------------------------------------------------------------------------


def _rows_for(readers: _Readers, pool: Pool, *, now: datetime) -> list[Delivery]:
    """A row for each reader for whom an edition is open that they have not been sent."""
    if not readers.due or not pool.editions:
        return []
    fresh = np.array([[_is_fresh(edition, last, pool) for edition in pool.editions] for last in readers.last_edition])
    offered = (fresh.astype(np.float32) @ pool.inside > 0) & pool.may_go
    papers = pool.against(readers.rules, now=now)
    muted = (readers.mutes @ papers.matches).toarray() > 0
    ids = np.array([row.paper_id for row in pool.papers])
    had = np.array([np.isin(ids, list(papers_had)) for papers_had in readers.had]).reshape(offered.shape)
    ranking = rank(
        papers,
        ReaderBatch(wants=readers.wants, hype=np.array([reader.hype for reader in readers.due], np.float32)),
        allowed=offered & ~muted & ~had,
        limit=max(reader.max_papers for reader in readers.due),
    )
    answered = _rules_by_paper(papers)
    return [
        _row(readers, row, pool, answered, ranking, arrived=int(offered[row].sum()), now=now)
        for row in range(len(readers.due))
        if fresh[row].any()
    ]


def _is_fresh(edition: Edition, last: date | None, pool: Pool) -> bool:
    """A first digest draws from the latest edition only, a later one from all since the one before."""
    return edition is pool.editions[-1] if last is None else edition.date > last


def _row(
    readers: _Readers, row: int, pool: Pool, answered: list[set[int]], ranking: Ranking, *, arrived: int, now: datetime
) -> Delivery:
    reader = readers.due[row]
    delivery = Delivery(subscriber=reader, issue_date=readers.issue_dates[row], edition=pool.editions[-1])
    chosen = [int(paper) for paper in ranking.order[row, : reader.max_papers] if paper >= 0]
    if why := _why_not(reader, readers.suppressed, arrived=arrived, chosen=chosen):
        delivery.status, delivery.outcome = Delivery.Status.SKIPPED, why
        return delivery
    wanted = readers.wants.indices[readers.wants.indptr[row] : readers.wants.indptr[row + 1]].tolist()
    reasons = [
        _reasons(
            ranking.contributions[row, place].tolist(),
            [readers.rules[column] for column in wanted if column in answered[paper]],
            paper,
            pool,
        )
        for place, paper in enumerate(chosen)
    ]
    delivery.status = Delivery.Status.READY
    delivery.paper_ids = [pool.papers[paper].paper_id for paper in chosen]
    delivery.reasons = {
        "arrived": arrived,
        "matched": int(ranking.eligible[row]),
        "asked_for": [_in_words(readers.rules[column]) for column in wanted],
        "papers": [[[reason.kind, reason.label, reason.contribution] for reason in some] for some in reasons],
    }
    picked_first = sorted(chosen, key=lambda paper: paper not in pool.notes)
    delivery.subject = subject_line(delivery.issue_date, [pool.papers[paper].card["title"] for paper in picked_first])
    delivery.message_id = message_id("digest", f"{reader.public_id}|{delivery.issue_date}")
    delivery.dated_at = now
    delivery.not_after = _closes(reader, now)
    return delivery


def _why_not(reader: Subscriber, suppressed: set[int], *, arrived: int, chosen: list[int]) -> str:
    if reader.pk in suppressed:
        return SUPPRESSED
    if reader.status == Subscriber.Status.PAUSED:
        return PAUSED
    if not arrived:
        return NOTHING_CAME
    return "" if chosen else NOTHING_MATCHED


def _rules_by_paper(papers: PaperMatrix) -> list[set[int]]:
    by_paper = papers.matches.T.tocsr()
    return [set(columns.tolist()) for columns in np.split(by_paper.indices, by_paper.indptr[1:-1])]


def _reasons(contributions: Sequence[float], matched: Sequence[Rule], paper: int, pool: Pool) -> list[Reason]:
    """Why this paper: each term of its score, shared among the rules that matched; together they are the score."""
    kind_of_term = {"topic": "topic", "words": "keyword", "category": "category", "author": "author"}
    reasons = []
    for term, value in zip(TERMS, contributions, strict=True):
        labels = [_label(rule) for rule in matched if rule.kind == kind_of_term.get(term)]
        if labels:
            reasons += [Reason(kind_of_term[term], label, round(value / len(labels), 6)) for label in labels]
        elif value:
            reasons.append(_unruly(term, value, paper, pool))
    return reasons


def _label(rule: Rule) -> str:
    return rule.label or rule.key


def _in_words(rule: Rule) -> str:
    return f"“{rule.key}”" if rule.kind == "keyword" else _label(rule)


def _unruly(term: str, value: float, paper: int, pool: Pool) -> Reason:
    """A term that no rule of the reader's stands behind."""
    if term == "pick":
        return Reason("pick" if paper in pool.notes else "boost", pool.notes.get(paper, ""), round(value, 6))
    if term == "trending" and pool.popularity[paper] < STANDS_OUT:
        return Reason("popularity", "", round(value, 6))
    return Reason({"like_this": "like"}.get(term, term), "", round(value, 6))


def _closes(reader: Subscriber, due: datetime) -> datetime:
    """Until when a digest that was due then may leave: five hours on, and not beyond the reader's midnight."""
    tomorrow = local_date(reader.zone, due) + timedelta(days=1)
    return min(due + CATCH_UP, datetime.combine(tomorrow, time(), zone_of(reader.zone)))


def _lapsed(reader: Subscriber, now: datetime) -> list[Delivery]:
    """Rows for the reader's days whose window closed without one; their next instant moves past them."""
    rows = []
    while reader.next_send_at and _closes(reader, reader.next_send_at) < now:
        day = local_date(reader.zone, reader.next_send_at)
        outcome = PAUSED if reader.status == Subscriber.Status.PAUSED else TOO_LATE
        rows.append(Delivery(subscriber=reader, issue_date=day, status=Delivery.Status.SKIPPED, outcome=outcome))
        _move_on(reader, day, after=reader.last_digest_at or reader.signed_up_at)
    return rows


def _move_on(reader: Subscriber, day: date, *, after: datetime) -> None:
    reader.last_issue_date = day
    reader.next_send_at = next_send_at(
        after=day, now=after, hour=reader.send_hour, weekdays=reader.weekdays, zone=reader.zone
    )


def _write(rows: list[Delivery], *, now: datetime) -> None:
    ready = [row for row in rows if row.status == Delivery.Status.READY]
    for row in rows:
        if row.edition:
            _move_on(row.subscriber, row.issue_date, after=now)
    with transaction.atomic():
        if ready:
            batch = Batch.objects.create(size=len(ready))
            for row in ready:
                row.batch = batch
        Delivery.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
        Subscriber.objects.bulk_update(
            {row.subscriber for row in rows}, ["last_issue_date", "next_send_at"], batch_size=100
        )
