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
from django.db.models import Max
from numpy.typing import NDArray
from scipy.sparse import csr_array

from digest.compose import Reason, subject_line
from digest.ingest import topic_rule
from digest.models import PAUSED, SUPPRESSED, Batch, CuratorPick, Delivery, Edition, EditionPaper, Paper
from digest.publishing import WINDOW, candidates
from digest.ranking import personal
from digest.ranking.features import Archive, PaperMatrix, ReaderBatch, Texts
from digest.ranking.personal import TERMS, Ranking, rank
from digest.ranking.trending import standardised
from digest.tagging import Kind, Rule, match
from subscriptions.links import message_id
from subscriptions.models import Preference, Subscriber, Suppression
from subscriptions.schedule import local_date, next_send_at, zone_of

BATCH = 1000  # readers ranked in one computation, and deliveries leased as one row
ARCHIVE_DAYS, ARCHIVE_SIZE = 45, 10_000  # whose texts say how rare a word is
CATCH_UP = timedelta(hours=5)  # how late a digest may leave
LONGEST_GAP = timedelta(days=31)  # of missed days that each get a row
STANDS_OUT = 1.0  # deviations above the day's mean from which a paper is said to be trending

NOTHING_MATCHED = "Nothing that came in matched what you asked for."
NOTHING_CAME = "No new paper came in."
TOO_LATE = "Your digest could not be made in time; its papers are in the next one."


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
    if not ids:
        return planned
    pool = Pool.of_the_week(now)
    for start in range(0, len(ids), BATCH):
        newest = Delivery.objects.aggregate(newest=Max("pk"))["newest"] or 0
        everyone = list(Subscriber.objects.on_the_list().filter(pk__in=ids[start : start + BATCH]).order_by("pk"))
        suppressed = Suppression.objects.blocked(everyone)
        lapsed = [] if issue_date else [row for reader in everyone for row in _lapsed(reader, suppressed, now)]
        readers = _Readers.among(everyone, pool, suppressed, now=now, issue_date=issue_date)
        rows = _written([*lapsed, *_rows_for(readers, pool, now=now)], newest=newest, now=now)
        planned.ready += sum(row.status == Delivery.Status.READY for row in rows)
        planned.skipped += sum(row.status == Delivery.Status.SKIPPED for row in rows)
        planned.held += readers.held
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
    voted: NDArray[np.bool_]  # (P,) whether any source counts votes for it
    pick: NDArray[np.float64]  # (P,)
    notes: dict[int, str]  # row of a picked paper -> the curator's note
    free_since: NDArray[np.float64]  # (P,) when a paper's embargo ended, in seconds; -inf without one
    archive: Archive
    texts: Texts

    @classmethod
    def of_the_week(cls, now: datetime) -> Pool:
        editions = list(
            Edition.objects.filter(date__gt=now.date() - WINDOW, date__lte=now.date(), opened_at__lte=now).order_by(
                "date"
            )
        )
        dates = [edition.date for edition in editions]
        judged = {
            one.paper_id: one for one in CuratorPick.objects.filter(edition_date__in=dates).order_by("edition_date")
        }
        _admit_picked(editions, judged.values(), now=now)
        newest: dict[int, EditionPaper] = {}
        held: dict[int, set[int]] = defaultdict(set)
        for row in EditionPaper.objects.filter(edition__in=editions).order_by("edition__date").select_related("paper"):
            newest[row.paper_id] = row
            held[row.edition_id].add(row.paper_id)
        papers = list(newest.values())
        row_of = {paper_id: row for row, paper_id in enumerate(newest)}
        may_go = np.array([row.paper.withdrawn_at is None for row in papers], bool)
        pick, notes, free_since = np.zeros(len(papers)), dict[int, str](), np.full(len(papers), -np.inf)
        for paper_id, one in judged.items():
            if (place := row_of.get(paper_id)) is None:
                continue
            if one.embargo_until:
                free_since[place] = one.embargo_until.timestamp()
            if one.verdict == CuratorPick.Verdict.HIDE or (one.embargo_until and one.embargo_until > now):
                may_go[place] = False
            elif one.verdict == CuratorPick.Verdict.PICK:
                pick[place], notes[place] = personal.PICK, one.note
            else:
                pick[place] = personal.BOOST
        archive = _archive(_archive_texts(now)) if papers else Archive.of([])
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
            voted=np.array([row.trending is not None for row in papers], bool),
            pick=pick,
            notes=notes,
            free_since=free_since,
            archive=archive,
            texts=archive.read(_text(row.paper.title, row.paper.abstract) for row in papers),
        )

    def against(self, rules: Sequence[Rule]) -> PaperMatrix:
        """These papers as the ranking sees them, for readers who want any of these rules."""
        return PaperMatrix.of(
            self.texts,
            archive=self.archive,
            rules=rules,
            matches=match(rules, [row.paper for row in self.papers]),
            popularity=self.popularity,
            pick=self.pick,
        )


def _admit_picked(editions: Sequence[Edition], picks: Iterable[CuratorPick], *, now: datetime) -> None:
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
    """S readers who have no row for their issue date yet and an edition to read, what they ask for, what they had."""

    due: list[Subscriber]
    issue_dates: list[date]
    closes: list[datetime]  # until when their digest may leave
    fresh: NDArray[np.bool_]  # (S, E) editions they have not been sent
    held: int  # others, who wait for a newer edition
    rules: list[Rule]
    wants: csr_array  # (S, R)
    mutes: csr_array  # (S, R)
    had: list[set[int]]  # papers sent before
    suppressed: set[int]

    @classmethod
    def among(
        cls,
        everyone: Sequence[Subscriber],
        pool: Pool,
        suppressed: set[int],
        *,
        now: datetime,
        issue_date: date | None,
    ) -> _Readers:
        days = {
            reader: issue_date or local_date(reader.zone, reader.next_send_at or now)
            for reader in everyone
            if issue_date or (reader.next_send_at and reader.next_send_at <= now)
        }
        # a paper was sent to nobody before it was first seen
        oldest = min((row.paper.first_seen_at for row in pool.papers), default=now).date() - timedelta(days=2)
        earlier = Delivery.objects.filter(subscriber__in=days)
        taken: set[tuple[int, date]] = set()
        had: dict[int, set[int]] = defaultdict(set)
        for reader_id, day, status, paper_ids in earlier.filter(
            issue_date__gte=min(oldest, *days.values()) if days else oldest
        ).values_list("subscriber_id", "issue_date", "status", "paper_ids"):
            taken.add((reader_id, day))
            if status in (*Delivery.SENT, *Delivery.OPEN):
                had[reader_id].update(paper_ids)
        last = dict(
            earlier.filter(
                status__in=[*Delivery.SENT, *Delivery.OPEN], issue_date__lt=max(days.values(), default=oldest)
            )
            .values_list("subscriber_id")
            .annotate(last=Max("edition__date"))
        )
        waiting = [reader for reader, day in days.items() if (reader.pk, day) not in taken]
        fresh = {
            reader: [_is_fresh(edition, last.get(reader.pk), pool) for edition in pool.editions] for reader in waiting
        }
        due = [reader for reader in waiting if any(fresh[reader])]
        rules, wants, mutes = _rules_of(due, days)
        return cls(
            due=due,
            issue_dates=[days[reader] for reader in due],
            closes=[_closes(reader, now if issue_date else reader.next_send_at or now) for reader in due],
            fresh=np.array([fresh[reader] for reader in due], bool).reshape(len(due), len(pool.editions)),
            held=len(waiting) - len(due),
            rules=rules,
            wants=wants,
            mutes=mutes,
            had=[had[reader.pk] for reader in due],
            suppressed=suppressed,
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
    """A row for each of these readers."""
    if not readers.due:
        return []
    last_digest = np.array([_seconds(reader.last_digest_at) for reader in readers.due])
    freed = np.isfinite(pool.free_since) & (pool.free_since > last_digest[:, None])
    ids = np.array([row.paper_id for row in pool.papers], int)
    had = np.array([np.isin(ids, list(papers)) for papers in readers.had], bool).reshape(len(readers.due), len(ids))
    offered = ((readers.fresh.astype(np.float32) @ pool.inside > 0) | freed) & pool.may_go & ~had
    papers = pool.against(readers.rules)
    allowed = offered & ~((readers.mutes @ papers.matches).toarray() > 0)
    # who asked for nothing gets the trending list, and only papers with votes are on it, while there are any
    on_trending = (np.diff(readers.wants.indptr) == 0) & (offered & pool.voted).any(axis=1)
    allowed &= ~on_trending[:, None] | pool.voted | (pool.pick >= personal.PICK)
    ranking = rank(
        papers,
        ReaderBatch(wants=readers.wants, hype=np.array([reader.hype for reader in readers.due], np.float32)),
        allowed=allowed,
        limit=max(reader.max_papers for reader in readers.due),
    )
    matched = (((readers.wants @ papers.matches).toarray() > 0) & allowed).sum(axis=1)
    answered = _rules_by_paper(papers)
    return [
        _row(readers, row, pool, answered, ranking, arrived=int(offered[row].sum()), matched=int(matched[row]), now=now)
        for row in range(len(readers.due))
    ]


def _seconds(moment: datetime | None) -> float:
    return moment.timestamp() if moment else -np.inf


def _is_fresh(edition: Edition, last: date | None, pool: Pool) -> bool:
    """A first digest draws from the latest edition only, a later one from all since the one before."""
    return edition is pool.editions[-1] if last is None else edition.date > last


def _row(
    readers: _Readers,
    row: int,
    pool: Pool,
    answered: list[set[int]],
    ranking: Ranking,
    *,
    arrived: int,
    matched: int,
    now: datetime,
) -> Delivery:
    reader = readers.due[row]
    delivery = Delivery(subscriber=reader, issue_date=readers.issue_dates[row], edition=pool.editions[-1])
    chosen = [int(paper) for paper in ranking.order[row, : reader.max_papers] if paper >= 0]
    if why := _why_not(reader, readers.suppressed, delivery.issue_date, arrived=arrived, chosen=chosen):
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
        "matched": matched,
        "asked_for": [_in_words(readers.rules[column]) for column in wanted],
        "papers": [[[reason.kind, reason.label, reason.contribution] for reason in some] for some in reasons],
    }
    picked_first = sorted(chosen, key=lambda paper: paper not in pool.notes)
    delivery.subject = subject_line(delivery.issue_date, [pool.papers[paper].card["title"] for paper in picked_first])
    delivery.message_id = message_id("digest", f"{reader.public_id}|{delivery.issue_date}")
    delivery.dated_at = now
    delivery.not_after = readers.closes[row]
    return delivery


def _why_not(reader: Subscriber, suppressed: set[int], day: date, *, arrived: int, chosen: list[int]) -> str:
    if reader.pk in suppressed:
        return SUPPRESSED
    if reader.is_paused(day):
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


def _lapsed(reader: Subscriber, suppressed: set[int], now: datetime) -> list[Delivery]:
    """Rows for the reader's days whose window closed without one; their next instant moves past them."""
    rows = []
    if reader.next_send_at and now - reader.next_send_at > LONGEST_GAP:
        reader.next_send_at = now - LONGEST_GAP  # who was away for years is not told of every day
    while reader.next_send_at and _closes(reader, reader.next_send_at) < now:
        day = local_date(reader.zone, reader.next_send_at)
        why = SUPPRESSED if reader.pk in suppressed else PAUSED if reader.is_paused(day) else TOO_LATE
        rows.append(Delivery(subscriber=reader, issue_date=day, status=Delivery.Status.SKIPPED, outcome=why))
        _move_on(reader, day, after=reader.last_digest_at or reader.signed_up_at)
    return rows


def _move_on(reader: Subscriber, day: date, *, after: datetime) -> None:
    reader.last_issue_date = day
    reader.next_send_at = next_send_at(
        after=day, now=after, hour=reader.send_hour, weekdays=reader.weekdays, zone=reader.zone
    )


def _written(rows: list[Delivery], *, newest: int, now: datetime) -> list[Delivery]:
    """Write these rows, but for readers who got one from another planner since ``newest``, and return them."""
    readers = {row.subscriber.pk: row.subscriber for row in rows}
    with transaction.atomic():
        list(Subscriber.objects.filter(pk__in=readers).order_by("pk").select_for_update().values_list("pk"))
        served = set(
            Delivery.objects.filter(pk__gt=newest, subscriber__in=readers).values_list("subscriber_id", flat=True)
        )
        named = {paper_id for row in rows for paper_id in row.paper_ids}
        there = set(Paper.objects.filter(pk__in=named).values_list("pk", flat=True))  # some may have been joined since
        rows = [row for row in rows if row.subscriber_id not in served and there.issuperset(row.paper_ids)]
        ready = [row for row in rows if row.status == Delivery.Status.READY]
        if ready:
            batch = Batch.objects.create(size=len(ready))
            for row in ready:
                row.batch = batch
        Delivery.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
        for row in rows:
            if row.edition:
                _move_on(row.subscriber, row.issue_date, after=now)
        moved = {row.subscriber for row in rows}
        Subscriber.objects.bulk_update(moved, ["last_issue_date", "next_send_at"], batch_size=500)
    return rows
