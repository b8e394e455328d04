"""Plan: rank the open editions for each reader, and write each reader's row for the day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, cast

import numpy as np
from django.db import connection
from django.db.models import Max, Q
from numpy.typing import NDArray

from digest import memory
from digest.compose.build import subject_line
from digest.delivery.due_days import CATCH_UP, closes, closes_today, passed_days
from digest.delivery.planned_rows import PlannedRow, write
from digest.delivery.statements import OF_PLANNED_READER, SELECT_LISTED, SELECT_PREFERENCES, for_keys, instance
from digest.editions.candidate_pool import CandidatePool, MatchedRules
from digest.editions.selection import Demand, Selection, select
from digest.ingest.papers.tag import topic_rule
from digest.models import Delivery, Edition, ListEntry, PaperSummary, StatusReason
from digest.models.key_lists import among, listed
from digest.ranking.matching import Kind, Rule
from digest.ranking.personal import weights_of
from digest.ranking.sparse import csr_array
from digest.reader_data import profiles
from digest.record import DigestRecord
from digest.vectors import stated_vectors
from subscriptions.models import Preference, Subscriber, Suppression, Topic
from subscriptions.schedule import local_date, rhythm_in_words
from subscriptions.tokens import digest_message_id

BATCH = 1000  # readers ranked in one computation, and deliveries leased as one row
LOOKED_THROUGH = (StatusReason.NO_NEW_PAPERS, StatusReason.NOTHING_MATCHED)  # skipped, and no paper was passed over


@dataclass(slots=True)
class Planned:
    """Numbers of readers by row; the held ones wait for an edition newer than their last digest."""

    ready: int = 0
    skipped: int = 0
    held: int = 0


def plan(now: datetime, subscriber_ids: Iterable[int], *, issue_date: date | None = None) -> Planned:
    """Write a row for each of these readers for their issue date: ready, or skipped with its reason.

    ``issue_date`` sets the date for all, whatever their hour. Without it, the date is the local one on which a reader
    is due by ``now``; days whose window has closed get a skipped row. Readers with a row for the date are left alone,
    so planning twice is harmless. Each thousand readers are ranked in one computation and written in one transaction.
    """
    planned, ids = Planned(), list(subscriber_ids)
    if ids:
        _plan_all(planned, ids, now=now, issue_date=issue_date)
        memory.give_back()
    return planned


def _plan_all(planned: Planned, ids: Sequence[int], *, now: datetime, issue_date: date | None) -> None:
    pool = CandidatePool.load(now)
    pool.save_added()
    rules = MatchedRules(pool)
    for start in range(0, len(ids), BATCH):
        _plan_some(planned, ids[start : start + BATCH], pool, rules, now=now, issue_date=issue_date)


def _plan_some(
    planned: Planned,
    ids: Sequence[int],
    pool: CandidatePool,
    rules: MatchedRules,
    *,
    now: datetime,
    issue_date: date | None,
) -> None:
    """Plan up to BATCH readers."""
    # A function of its own, so that the rows of one thousand readers are freed before the next are made
    newest = Delivery.objects.aggregate(newest=Max("pk"))["newest"] or 0
    everyone = _listed(ids)
    suppressed = Suppression.objects.blocked(everyone)
    passed = [] if issue_date else passed_days(everyone, suppressed, now)
    readers = _Readers.among(everyone, pool, suppressed, now=now, issue_date=issue_date)
    rows = write([*passed, *_rows_for(readers, pool, rules, now=now)], newest=newest)
    ready = sum(row.record is not None for row in rows)
    planned.ready += ready
    planned.skipped += len(rows) - ready
    planned.held += readers.held


def draft(reader: Subscriber, pool: CandidatePool, *, now: datetime) -> Delivery | None:
    """Return the row that a reader on the list would get if they were due ``now``; it is not written.

    None for a reader who waits: they already have the row of their next day, or no edition is newer than their last.
    """
    day = local_date(reader.zone, reader.next_send_at or now)
    suppressed = Suppression.objects.blocked([reader])
    readers = _Readers.among([reader], pool, suppressed, now=now, issue_date=day)
    rows = _rows_for(readers, pool, MatchedRules(pool), now=now)
    return rows[0].as_delivery() if rows else None


def draft_first(reader: Subscriber, asked: Demand, pool: CandidatePool, *, now: datetime) -> Delivery:
    """Return the first digest of somebody who is not in the database and has these preferences."""
    newest = np.zeros((1, len(pool.editions)), bool)
    newest[0, -1] = True
    readers = _Readers(
        due=[reader],
        issue_dates=[local_date(reader.zone, now)],
        closes=[now + CATCH_UP],
        fresh=newest,
        held=0,
        asked=asked,
        had=[set()],
        new=[True],
        looked=[None],
        suppressed=set(),
    )
    return _rows_for(readers, pool, MatchedRules(pool), now=now)[0].as_delivery()


# --- the readers -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Readers:
    """S readers without a row for their issue date and with an edition to read, their preferences and past papers."""

    due: list[Subscriber]
    issue_dates: list[date]
    closes: list[datetime]  # until when their digest may leave
    fresh: NDArray[np.bool_]  # (S, E) editions newer than their last digest
    held: int  # number of others, who wait for a newer edition
    asked: Demand
    had: list[set[int]]  # papers sent before, and those in their own lists
    new: list[bool]  # who was never sent a digest
    looked: list[date | None]  # their last issue date on which papers were looked through for them
    suppressed: set[int]

    @classmethod
    def among(
        cls,
        everyone: Sequence[Subscriber],
        pool: CandidatePool,
        suppressed: set[int],
        *,
        now: datetime,
        issue_date: date | None,
    ) -> _Readers:
        days = {
            reader.id: issue_date or local_date(reader.zone, reader.next_send_at or now)
            for reader in everyone
            if issue_date or (reader.next_send_at and reader.next_send_at <= now)
        }
        # a paper was sent to nobody before it was first seen
        first = datetime.fromtimestamp(min(pool.first_seen, default=now.timestamp()), UTC)
        oldest = first.date() - timedelta(days=2)
        earlier = Delivery.objects.digests().filter(subscriber__in=among(days))
        taken: set[tuple[int, date | None]] = set()
        had: dict[int, set[int]] = defaultdict(set)
        for reader_id, day, status, paper_ids in earlier.filter(
            issue_date__gte=min(oldest, *days.values()) if days else oldest
        ).values_list("subscriber_id", "issue_date", "status", "content__paper_ids"):
            taken.add((reader_id, day))
            if status in (*Delivery.SENT, *Delivery.OPEN):
                had[reader_id].update(paper_ids or ())
        known = ListEntry.objects.filter(subscriber__in=among(days), taken_back=False, paper__first_seen_at__gte=first)
        for reader_id, paper_id in known.order_by().values_list("subscriber", "paper"):
            had[reader_id].add(paper_id)
        sent = Q(status__in=[*Delivery.SENT, *Delivery.OPEN])
        nothing = Q(status=Delivery.Status.SKIPPED, status_reason__in=LOOKED_THROUGH)
        ends = (
            earlier.filter(sent | nothing, issue_date__lt=max(days.values(), default=oldest))
            .values_list("subscriber_id")
            .annotate(last=Max("edition__date", filter=sent), looked=Max("issue_date"))
        )
        last: dict[int, date | None] = {}
        looked: dict[int, date] = {}
        for reader_id, its_edition, issue in ends:
            last[reader_id], looked[reader_id] = its_edition, issue
        waiting = [reader for reader in everyone if (day := days.get(reader.id)) and (reader.id, day) not in taken]
        # readers with the same last edition are many
        fresh_since = {
            day: [_is_fresh(edition, day, pool) for edition in pool.editions] for day in {None, *last.values()}
        }
        fresh = [fresh_since[last.get(reader.id)] for reader in waiting]
        due = [reader for reader, its in zip(waiting, fresh, strict=True) if any(its)]
        fresh = [its for its in fresh if any(its)]
        keys = [reader.id for reader in due]
        return cls(
            due=due,
            issue_dates=[days[key] for key in keys],
            closes=[
                closes_today(now, reader.zone)
                if issue_date
                else closes(reader.next_send_at or now, reader.send_hour, reader.zone)
                for reader in due
            ],
            fresh=np.array(fresh, bool).reshape(len(due), len(pool.editions)),
            held=len(waiting) - len(due),
            asked=_asked_by(due, days),
            had=[had[key] for key in keys],
            new=[last.get(reader.id) is None and reader.last_digest_at is None for reader in due],
            looked=[looked.get(key) for key in keys],
            suppressed=suppressed,
        )


def _listed(ids: Sequence[int]) -> list[Subscriber]:
    """Return the readers with these ids who are on the list, with what planning reads of them. One query."""
    with connection.cursor() as cursor:
        cursor.execute(for_keys(SELECT_LISTED, len(ids)), list(ids))
        return [instance(Subscriber, OF_PLANNED_READER, values) for values in cursor.fetchall()]


def _asked_by(readers: Sequence[Subscriber], today: dict[int, date]) -> Demand:
    """Return the preferences of these readers; four queries for all of them."""
    rules, wants, mutes = _rules_of(readers, today)
    return Demand(
        rules=rules,
        wants=wants,
        mutes=mutes,
        hype=np.array([reader.hype for reader in readers], np.float32),
        limit=[reader.max_papers for reader in readers],
        profiles=profiles.load(readers),
        stated=stated_vectors([reader.id for reader in readers]),
        weights=weights_of([reader.turned_down for reader in readers]),
    )


def _rules_of(readers: Sequence[Subscriber], today: dict[int, date]) -> tuple[list[Rule], csr_array, csr_array]:
    """Return the R distinct rules of these readers, and two matrices (S, R): who wants and who mutes which."""
    row_of = {reader.id: row for row, reader in enumerate(readers)}
    topics = {topic.pk: topic_rule(topic) for topic in Topic.objects.all()}
    columns: dict[tuple[int | None, str, str], int] = {}
    rules: list[Rule] = []
    chosen: dict[str, list[tuple[int, int]]] = {Preference.Stance.WANT: [], Preference.Stance.MUTE: []}
    with connection.cursor() as cursor:
        keys, value = listed(row_of)
        cursor.execute(SELECT_PREFERENCES.format(keys=keys), [value])
        asked = cursor.fetchall()
    for reader_id, stance, topic_id, kind, value, until in asked:
        if until is None or until >= today[reader_id]:
            wish = (topic_id, "", "") if topic_id else (None, kind, value)
            if wish not in columns:
                columns[wish] = len(rules)
                rules.append(topics[topic_id] if topic_id else Rule(cast(Kind, kind), value))
            chosen[stance].append((row_of[reader_id], columns[wish]))
    shape = (len(readers), len(columns))
    wants, mutes = (
        csr_array((np.ones(len(cells), np.float32), tuple(np.array(cells, int).reshape(-1, 2).T)), shape=shape)
        for cells in chosen.values()
    )
    return rules, wants, mutes


# --- the rows --------------------------------------------------------------------------------------------------------


def _rows_for(readers: _Readers, pool: CandidatePool, rules: MatchedRules, *, now: datetime) -> list[PlannedRow]:
    """Return a row for each of these readers."""
    if not readers.due:
        return []
    # before there are other large arrays
    pool.day.taste.lay_out(readers.asked.profiles)
    offered = _offered(readers, pool)
    choices = select(readers.asked, pool, rules.against(readers.asked.rules), offered=offered)
    votes_read_at = pool.votes_read_at.isoformat(timespec="seconds") if pool.votes_read_at else ""
    shared = _Shared(pool, pool.ids.tolist(), _summaries_in(pool), votes_read_at, now)
    return [_row(readers, row, choice, shared) for row, choice in enumerate(choices)]


def _offered(readers: _Readers, pool: CandidatePool) -> NDArray[np.bool_]:
    """Return which papers each reader may get (S, P): of editions newer than their last, and none that they had."""
    last = [reader.last_digest_at.timestamp() if reader.last_digest_at else -np.inf for reader in readers.due]
    offered: NDArray[np.bool_] = pool.embargo_ended_at > np.array(last)[:, None]
    # an edition at a time: a product of all would be of numbers, four times as large
    for fresh, inside in zip(readers.fresh.T, pool.inside, strict=True):
        offered[fresh] |= inside
    offered &= pool.eligible
    for row, had in enumerate(readers.had):
        if there := had & pool.row_of.keys():
            offered[row, [pool.row_of[paper] for paper in there]] = False
    return offered


def _summaries_in(pool: CandidatePool) -> dict[int, int]:
    """Return the summaries that digests planned now show, by paper. One query."""
    shown = PaperSummary.objects.shown().filter(paper__candidacies__edition__in=pool.editions)
    return dict(shown.values_list("paper_id", "pk"))


def _is_fresh(edition: Edition, last: date | None, pool: CandidatePool) -> bool:
    """Return whether a digest draws from the edition: the first one from the latest, later ones from all since."""
    return edition is pool.editions[-1] if last is None else edition.date > last


class _Shared(NamedTuple):
    """What the rows of all readers share."""

    pool: CandidatePool
    ids: list[int]  # of the pool's papers
    summaries: dict[int, int]  # by paper
    votes_read_at: str
    now: datetime


def _row(readers: _Readers, row: int, choice: Selection, shared: _Shared) -> PlannedRow:
    pool, ids, summaries, votes_read_at, now = shared
    reader, day, edition = readers.due[row], readers.issue_dates[row], pool.editions[-1]
    if reason := _why_not(reader, readers.suppressed, day, choice):
        return PlannedRow(reader, day, edition, why_not=reason)
    paper_ids = [ids[paper] for paper in choice.papers]
    return PlannedRow(
        reader,
        day,
        edition,
        paper_ids=paper_ids,
        subject=subject_line(day, len(paper_ids), pool.titles[choice.papers[0]] if paper_ids else ""),
        record=DigestRecord(
            arrived=choice.arrived,
            matched=choice.matched,
            asked_for=choice.asked_for,
            reasons=choice.reasons,
            terms=choice.terms,
            nothing=choice.empty_reason,
            also=[ids[paper] for paper in choice.also] if reader.also_trending else [],
            summaries=[summaries[paper_id] for paper_id in paper_ids if paper_id in summaries],
            full=reader.layout == Subscriber.Layout.FULL,
            votes_read_at=votes_read_at,
            **_occasion(readers, row, pool),
        ),
        message_id=digest_message_id(reader, day),
        dated_at=now,
        not_after=readers.closes[row],
    )


def _why_not(reader: Subscriber, suppressed: set[int], day: date, choice: Selection) -> str:
    if reader.id in suppressed:
        return StatusReason.SUPPRESSED
    if reader.is_paused(day):
        return StatusReason.PAUSED
    return "" if reader.quiet_days else choice.empty_reason


def _occasion(readers: _Readers, row: int, pool: CandidatePool) -> dict[str, Any]:
    """Return the fields of the record for a first digest or one that catches up, else none.

    A digest catches up if no papers were ranked for the reader on their day before, and it draws from more days than
    lie between the two; ``since`` is the first of them.
    """
    reader, today, looked = readers.due[row], readers.issue_dates[row], readers.looked[row]
    if readers.new[row]:
        rhythm = rhythm_in_words(weekdays=reader.weekdays, hour=reader.send_hour)
        return {"occasion": "first", "rhythm": rhythm, "limit": reader.max_papers}
    oldest = pool.editions[int(readers.fresh[row].argmax())].date
    between = _days_since_the_day_before(today, reader.weekdays)
    was_missed = looked is None or looked < today - timedelta(days=between)
    if was_missed and (pool.editions[-1].date - oldest).days >= between:
        return {"occasion": "catch_up", "since": oldest.isoformat()}
    return {}


def _days_since_the_day_before(today: date, weekdays: int) -> int:
    """Return how long ago the last of these weekdays before today was: 1 to 7 days."""
    return next((back for back in range(1, 7) if weekdays >> (today - timedelta(days=back)).weekday() & 1), 7)
