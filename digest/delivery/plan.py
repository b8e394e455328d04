"""Plan: rank the open editions for each reader, and write each reader's row for the day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast

import numpy as np
from django.db import transaction
from django.db.models import Max, Q, Window
from django.db.models.functions import RowNumber
from numpy.typing import NDArray
from scipy.sparse import csr_array

from digest.compose.build import subject_line
from digest.editions.candidate_pool import CandidatePool, text_of
from digest.editions.letter import freeze_letter
from digest.editions.selection import Demand, Selection, select
from digest.ingest.tag import topic_rule
from digest.models import Batch, Delivery, DeliveryContent, Edition, Paper, PaperSummary, StatusReason, Verdict
from digest.ranking.features import Texts
from digest.ranking.matching import Kind, Rule
from digest.record import DigestRecord
from subscriptions.models import Preference, Subscriber, Suppression, Topic
from subscriptions.preferences import HALF_A_DAY
from subscriptions.schedule import instant, local_date, next_send_at, rhythm_in_words, zone_of
from subscriptions.tokens import digest_message_id

BATCH = 1000  # readers ranked in one computation, and deliveries leased as one row
VERDICTS = 50  # the latest of a reader's that count
CATCH_UP = timedelta(hours=5)  # how late a digest may leave
LONGEST_GAP = timedelta(days=31)  # of missed days that each get a row
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
    if not ids:
        return planned
    pool = CandidatePool.load(now)
    pool.save_added()
    for start in range(0, len(ids), BATCH):
        _plan_some(planned, ids[start : start + BATCH], pool, now=now, issue_date=issue_date)
    return planned


def _plan_some(
    planned: Planned, ids: Sequence[int], pool: CandidatePool, *, now: datetime, issue_date: date | None
) -> None:
    """Plan up to BATCH readers."""
    # A function of its own, so that the rows of one thousand readers are freed before the next are made
    newest = Delivery.objects.aggregate(newest=Max("pk"))["newest"] or 0
    everyone = list(Subscriber.objects.on_the_list().filter(pk__in=ids).order_by("pk"))
    suppressed = Suppression.objects.blocked(everyone)
    passed = [] if issue_date else _passed(everyone, suppressed, now)
    readers = _Readers.among(everyone, pool, suppressed, now=now, issue_date=issue_date)
    rows = _written([*passed, *_rows_for(readers, pool, now=now)], newest=newest)
    planned.ready += sum(row.status == Delivery.Status.READY for row in rows)
    planned.skipped += sum(row.status == Delivery.Status.SKIPPED for row in rows)
    planned.held += readers.held


def draft(reader: Subscriber, pool: CandidatePool, *, now: datetime) -> Delivery | None:
    """Return the row that a reader on the list would get if they were due ``now``; it is not written.

    None for a reader who waits: they already have the row of their next day, or no edition is newer than their last.
    """
    day = local_date(reader.zone, reader.next_send_at or now)
    suppressed = Suppression.objects.blocked([reader])
    readers = _Readers.among([reader], pool, suppressed, now=now, issue_date=day)
    return next(iter(_rows_for(readers, pool, now=now)), None)


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
    return _rows_for(readers, pool, now=now)[0]


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
    had: list[set[int]]  # papers sent before
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
            reader: issue_date or local_date(reader.zone, reader.next_send_at or now)
            for reader in everyone
            if issue_date or (reader.next_send_at and reader.next_send_at <= now)
        }
        # a paper was sent to nobody before it was first seen
        first = datetime.fromtimestamp(min(pool.first_seen, default=now.timestamp()), UTC)
        oldest = first.date() - timedelta(days=2)
        earlier = Delivery.objects.digests().filter(subscriber__in=days)
        taken: set[tuple[int, date | None]] = set()
        had: dict[int, set[int]] = defaultdict(set)
        for reader_id, day, status, paper_ids in earlier.filter(
            issue_date__gte=min(oldest, *days.values()) if days else oldest
        ).values_list("subscriber_id", "issue_date", "status", "content__paper_ids"):
            taken.add((reader_id, day))
            if status in (*Delivery.SENT, *Delivery.OPEN):
                had[reader_id].update(paper_ids or ())
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
        waiting = [reader for reader, day in days.items() if (reader.pk, day) not in taken]
        fresh = {
            reader: [_is_fresh(edition, last.get(reader.pk), pool) for edition in pool.editions] for reader in waiting
        }
        due = [reader for reader in waiting if any(fresh[reader])]
        return cls(
            due=due,
            issue_dates=[days[reader] for reader in due],
            closes=[
                min(now + CATCH_UP, _midnight(reader, now))
                if issue_date
                else _closes(reader, reader.next_send_at or now)
                for reader in due
            ],
            fresh=np.array([fresh[reader] for reader in due], bool).reshape(len(due), len(pool.editions)),
            held=len(waiting) - len(due),
            asked=_asked_by(due, days, pool),
            had=[had[reader.pk] for reader in due],
            new=[last.get(reader.pk) is None and reader.last_digest_at is None for reader in due],
            looked=[looked.get(reader.pk) for reader in due],
            suppressed=suppressed,
        )


def _asked_by(readers: Sequence[Subscriber], today: dict[Subscriber, date], pool: CandidatePool) -> Demand:
    """Return the preferences of these readers; four queries for all of them."""
    rules, wants, mutes = _rules_of(readers, today)
    verdicts, judged = _verdicts_of(readers, pool)
    return Demand(
        rules=rules,
        wants=wants,
        mutes=mutes,
        hype=np.array([reader.hype for reader in readers], np.float32),
        limit=[reader.max_papers for reader in readers],
        verdicts=verdicts,
        judged=judged,
    )


def _verdicts_of(readers: Sequence[Subscriber], pool: CandidatePool) -> tuple[csr_array | None, Texts | None]:
    """Return each reader's latest 50 verdicts (S, L), 1 for more and -1 for less, and the L papers; None if none."""
    mine = Window(RowNumber(), partition_by="subscriber_id", order_by=["-given_at", "-pk"])
    latest = Verdict.objects.filter(subscriber__in=readers).annotate(place=mine).filter(place__lte=VERDICTS)
    given = list(latest.values_list("subscriber_id", "paper_id", "value"))
    if not given:
        return None, None
    judged = Paper.objects.filter(pk__in=Verdict.objects.filter(subscriber__in=readers).values("paper"))
    texts = {pk: text_of(title, abstract) for pk, title, abstract in judged.values_list("pk", "title", "abstract")}
    row_of = {reader.pk: row for row, reader in enumerate(readers)}
    column_of = {paper_id: column for column, paper_id in enumerate(texts)}
    cells = [
        (row_of[reader_id], column_of[paper_id], 1 if value == Verdict.Value.MORE else -1)
        for reader_id, paper_id, value in given
        if paper_id in column_of
    ]
    rows, columns, values = np.array(cells, int).reshape(-1, 3).T
    verdicts = csr_array((values.astype(np.float32), (rows, columns)), shape=(len(readers), len(texts)))
    return verdicts, pool.read(texts.values())


def _rules_of(readers: Sequence[Subscriber], today: dict[Subscriber, date]) -> tuple[list[Rule], csr_array, csr_array]:
    """Return the R distinct rules of these readers, and two matrices (S, R): who wants and who mutes which."""
    row_of = {reader.pk: row for row, reader in enumerate(readers)}
    topics = {topic.pk: topic_rule(topic) for topic in Topic.objects.all()}
    columns: dict[Rule, int] = {}
    chosen: dict[str, list[tuple[int, int]]] = {Preference.Stance.WANT: [], Preference.Stance.MUTE: []}
    asked = Preference.objects.filter(subscriber__in=readers).order_by("pk")
    for reader_id, stance, topic_id, kind, value, until in asked.values_list(
        "subscriber_id", "stance", "topic_id", "kind", "value", "until"
    ):
        row = row_of[reader_id]
        if until is None or until >= today[readers[row]]:
            rule = topics[topic_id] if topic_id else Rule(cast(Kind, kind), value)
            chosen[stance].append((row, columns.setdefault(rule, len(columns))))
    shape = (len(readers), len(columns))
    wants, mutes = (
        csr_array((np.ones(len(cells), np.float32), tuple(np.array(cells, int).reshape(-1, 2).T)), shape=shape)
        for cells in chosen.values()
    )
    return list(columns), wants, mutes


# --- the rows --------------------------------------------------------------------------------------------------------


def _rows_for(readers: _Readers, pool: CandidatePool, *, now: datetime) -> list[Delivery]:
    """Return a row for each of these readers."""
    if not readers.due:
        return []
    offered = np.zeros((len(readers.due), len(pool.ids)), bool)
    for row, reader in enumerate(readers.due):
        last_digest = reader.last_digest_at.timestamp() if reader.last_digest_at else -np.inf
        offered[row] = (
            pool.inside[readers.fresh[row]].any(axis=0) | (pool.embargo_ended_at > last_digest)
        ) & pool.eligible
        offered[row, [pool.row_of[paper] for paper in readers.had[row] if paper in pool.row_of]] = False
    choices = select(readers.asked, pool, pool.against(readers.asked.rules), offered=offered)
    summaries = _summaries_in(pool)
    return [_row(readers, row, pool, choice, summaries, now=now) for row, choice in enumerate(choices)]


def _summaries_in(pool: CandidatePool) -> dict[int, int]:
    """Return the summaries that digests planned now show, by paper. One query."""
    shown = PaperSummary.objects.shown().filter(paper__candidacies__edition__in=pool.editions)
    return dict(shown.values_list("paper_id", "pk"))


def _is_fresh(edition: Edition, last: date | None, pool: CandidatePool) -> bool:
    """Return whether a digest draws from the edition: the first one from the latest, later ones from all since."""
    return edition is pool.editions[-1] if last is None else edition.date > last


def _row(
    readers: _Readers, row: int, pool: CandidatePool, choice: Selection, summaries: dict[int, int], *, now: datetime
) -> Delivery:
    reader = readers.due[row]
    delivery = Delivery(subscriber=reader, issue_date=readers.issue_dates[row], edition=pool.editions[-1])
    if reason := _why_not(reader, readers.suppressed, delivery.day, choice):
        delivery.status, delivery.status_reason = Delivery.Status.SKIPPED, reason
        return delivery
    delivery.status = Delivery.Status.READY
    paper_ids = pool.ids[choice.papers].tolist()
    delivery.put_content(
        paper_ids=paper_ids,
        subject=subject_line(delivery.day, [pool.titles[paper] for paper in choice.papers]),
        record=DigestRecord(
            arrived=choice.arrived,
            matched=choice.matched,
            asked_for=choice.asked_for,
            reasons=choice.reasons,
            terms=choice.terms,
            nothing=choice.empty_reason,
            also=pool.ids[choice.also].tolist() if reader.also_trending else (),
            summaries=[summaries[paper_id] for paper_id in paper_ids if paper_id in summaries],
            full=reader.layout == Subscriber.Layout.FULL,
            **_occasion(readers, row, pool),
        ),
    )
    delivery.message_id = digest_message_id(reader, delivery.day)
    delivery.dated_at = now
    delivery.not_after = readers.closes[row]
    return delivery


def _why_not(reader: Subscriber, suppressed: set[int], day: date, choice: Selection) -> str:
    if reader.pk in suppressed:
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


def _closes(reader: Subscriber, due: datetime) -> datetime:
    """Return until when a digest due at ``due`` may leave: five hours later, and at most the reader's midnight.

    Midnight counts for a digest at the reader's hour only, not for the first one of somebody who confirmed at night.
    """
    is_regular = due == instant(local_date(reader.zone, due), reader.send_hour, reader.zone)
    return min(due + CATCH_UP, _midnight(reader, due)) if is_regular else due + CATCH_UP


def _midnight(reader: Subscriber, now: datetime) -> datetime:
    """Return when the reader's day ends."""
    tomorrow = local_date(reader.zone, now) + timedelta(days=1)
    return datetime.combine(tomorrow, time(), zone_of(reader.zone))


def _passed(everyone: Sequence[Subscriber], suppressed: set[int], now: datetime) -> list[Delivery]:
    """Return rows for days of these readers that pass without a digest, and move their next instants on.

    These are days whose window has closed, and a day less than 12 hours after a digest.
    """
    rows = [row for reader in everyone for row in _lapsed(reader, suppressed, now)]
    due = [reader for reader in everyone if reader.next_send_at and reader.next_send_at <= now]
    fed = _fed_since(now - HALF_A_DAY, due)
    for reader in due:
        while reader.pk in fed and reader.next_send_at and reader.next_send_at <= now:
            rows.append(_passing(reader, suppressed, StatusReason.TOO_SOON))
    return rows


def _fed_since(since: datetime, readers: Sequence[Subscriber]) -> set[int]:
    """Return the ids of readers with a digest that left after ``since``, may have left, or may still leave."""
    recent = Delivery.objects.digests().filter(
        Q(accepted_at__gt=since) | Q(accepted_at=None, dated_at__gt=since),
        subscriber__in=readers,
        status__in=[*Delivery.SENT, *Delivery.OPEN],
    )
    return set(recent.values_list("subscriber_id", flat=True))


def _lapsed(reader: Subscriber, suppressed: set[int], now: datetime) -> list[Delivery]:
    """Return rows for the reader's days whose window has closed, and move their next instant past them."""
    rows = []
    if reader.next_send_at and now - reader.next_send_at > LONGEST_GAP:
        # a reader who was away for years gets no row for every day
        reader.next_send_at = now - LONGEST_GAP
    while reader.next_send_at and _closes(reader, reader.next_send_at) < now:
        rows.append(_passing(reader, suppressed, StatusReason.TOO_LATE))
    return rows


def _passing(reader: Subscriber, suppressed: set[int], reason: StatusReason) -> Delivery:
    """Return a skipped row with the reason for the reader's due day, and move them to their next day."""
    assert reader.next_send_at  # noqa: S101 (only who is due passes a day)
    day = local_date(reader.zone, reader.next_send_at)
    if reader.pk in suppressed:
        reason = StatusReason.SUPPRESSED
    elif reader.is_paused(day):
        reason = StatusReason.PAUSED
    move_on(reader, day)
    return Delivery(subscriber=reader, issue_date=day, status=Delivery.Status.SKIPPED, status_reason=reason)


def move_on(reader: Subscriber, day: date) -> None:
    """Set when the reader is due next, after a day for which they have a row."""
    last = max(day, reader.last_issue_date or day)
    reader.last_issue_date = last
    reader.next_send_at = next_send_at(
        after=last,
        now=datetime.min.replace(tzinfo=UTC),  # whatever the time: a day that was missed has its row too
        hour=reader.send_hour,
        weekdays=reader.weekdays,
        zone=reader.zone,
    )


def _written(rows: list[Delivery], *, newest: int) -> list[Delivery]:
    """Write these rows, and return those that were written.

    Readers who got a row from another planner since ``newest``, or who left the list, are left out. The schedule of
    the others is read again, since it may have changed.
    """
    people = {row.subscriber_id for row in rows}
    with transaction.atomic():
        listed = Subscriber.objects.on_the_list().filter(pk__in=people).order_by("pk").select_for_update()
        readers = {reader.pk: reader for reader in listed}
        served = set(
            Delivery.objects.digests()
            .filter(pk__gt=newest, subscriber__in=people)
            .values_list("subscriber_id", flat=True)
        )
        named = {paper_id for row in rows for paper_id in row.paper_ids}
        there = set(Paper.objects.filter(pk__in=named).values_list("pk", flat=True))  # some may have been joined since
        rows = [
            row
            for row in rows
            if row.subscriber_id in readers and row.subscriber_id not in served and there.issuperset(row.paper_ids)
        ]
        ready = [row for row in rows if row.status == Delivery.Status.READY]
        if ready:
            batch = Batch.objects.create(size=len(ready))
            for row in ready:
                row.batch = batch
            _freeze_letters(ready)
        Delivery.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
        _write_contents(ready)
        for row in rows:
            move_on(readers[row.subscriber_id], row.day)
        alike: dict[tuple[date | None, datetime | None], list[int]] = defaultdict(list)
        for reader in {readers[row.subscriber_id] for row in rows}:
            alike[reader.last_issue_date, reader.next_send_at].append(reader.pk)
        for (last, following), ids in alike.items():  # by the hour and zone, so few
            Subscriber.objects.filter(pk__in=ids).update(last_issue_date=last, next_send_at=following)
    return rows


def _freeze_letters(rows: Sequence[Delivery]) -> None:
    """Freeze the letter of the edition of these rows: from now on its mails may leave."""
    frozen_at = {row.edition.date: row.dated_at for row in rows if row.edition and row.dated_at}
    for day, now in frozen_at.items():
        freeze_letter(day, now=now)


def _write_contents(rows: Sequence[Delivery]) -> None:
    """Write the contents of new rows."""
    # a bulk insert that ignores conflicts returns no keys, so one query reads them
    contents = {row.message_id: row.content for row in rows}
    keys = Delivery.objects.filter(message_id__in=contents).values_list("pk", "message_id")
    for key, message_id in keys:
        contents[message_id].delivery_id = key
    DeliveryContent.objects.bulk_create(
        [content for content in contents.values() if content.delivery_id], batch_size=500, ignore_conflicts=True
    )
