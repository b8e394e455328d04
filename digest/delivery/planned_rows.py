"""The rows that planning writes: one for each reader and day, ready with its content or skipped with its reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection, transaction
from msgspec import json

from digest.delivery.statements import INSERT_CONTENT, INSERT_DELIVERY, SELECT_KEYS_OF_BATCH, adapted
from digest.editions.letter import freeze_letter
from digest.models import Batch, Delivery, Edition, Paper
from digest.models.key_lists import among
from digest.record import DigestRecord
from subscriptions.models import Subscriber
from subscriptions.schedule import next_send_at

BEGINNING = datetime.min.replace(tzinfo=UTC)


class PlannedRow(NamedTuple):
    """A delivery before it is written. Without a ``record`` it is skipped, for the StatusReason ``why_not``."""

    reader: Subscriber
    issue_date: date
    edition: Edition | None = None
    why_not: str = ""
    paper_ids: Sequence[int] = ()
    subject: str = ""
    record: DigestRecord | None = None
    message_id: str | None = None
    dated_at: datetime | None = None
    not_after: datetime | None = None

    @property
    def status(self) -> str:
        return Delivery.Status.READY if self.record else Delivery.Status.SKIPPED

    def as_delivery(self) -> Delivery:
        """Return it as a model instance with its content, for a preview."""
        row = Delivery(
            subscriber=self.reader,
            issue_date=self.issue_date,
            edition=self.edition,
            status=self.status,
            status_reason=self.why_not,
            message_id=self.message_id,
            dated_at=self.dated_at,
            not_after=self.not_after,
        )
        if self.record:
            row.put_content(paper_ids=list(self.paper_ids), subject=self.subject, record=self.record)
        return row


def write(rows: Sequence[PlannedRow], *, newest: int) -> list[PlannedRow]:
    """Write these rows, and return those that were written.

    Readers who got a row from another planner since the delivery ``newest``, or who left the list, are left out. The
    schedule of the others is read again, since it may have changed.
    """
    people = {row.reader.id for row in rows}
    with transaction.atomic():
        listed = Subscriber.objects.on_the_list().filter(pk__in=among(people)).order_by("pk").select_for_update()
        schedules = {
            pk: (last, hour, weekdays, zone)
            for pk, last, hour, weekdays, zone in listed.values_list(
                "pk", "last_issue_date", "send_hour", "weekdays", "zone"
            )
        }
        served = set(Delivery.objects.digests().filter(pk__gt=newest).values_list("subscriber_id", flat=True))
        named = {paper_id for row in rows for paper_id in row.paper_ids}
        there = set(
            Paper.objects.filter(pk__in=among(named)).values_list("pk", flat=True)
        )  # some may have been joined since
        rows = [
            row
            for row in rows
            if row.reader.id in schedules and row.reader.id not in served and there.issuperset(row.paper_ids)
        ]
        _insert(rows)
        days: dict[tuple[date, datetime | None], list[int]] = defaultdict(list)
        for pk, day in {row.reader.id: row.issue_date for row in sorted(rows, key=_by_day)}.items():
            last, hour, weekdays, zone = schedules[pk]
            last = max(day, last or day)
            days[last, following(last, hour, weekdays, zone)].append(pk)
        for (last, due), ids in days.items():  # by the hour and zone, so few
            Subscriber.objects.filter(pk__in=among(ids)).update(last_issue_date=last, next_send_at=due)
    return rows


# readers of one hour and zone are due together
@lru_cache(maxsize=1000)
def following(last: date, hour: int, weekdays: int, zone: str) -> datetime | None:
    """Return when the day after ``last`` is due, whatever the time: a day that was missed has its row too."""
    return next_send_at(after=last, now=BEGINNING, hour=hour, weekdays=weekdays, zone=zone)


def _by_day(row: PlannedRow) -> date:
    return row.issue_date


def _insert(rows: Sequence[PlannedRow]) -> None:
    """Write the rows, those with a mail as one batch with their contents; from now on these may leave."""
    ready = {row.message_id: row for row in rows if row.record}
    batch = Batch.objects.create(size=len(ready)).pk if ready else None
    for day, now in {(row.edition.date, row.dated_at) for row in ready.values() if row.edition and row.dated_at}:
        freeze_letter(day, now=now)
    # thousands of rows have few different days and moments
    stored = {
        value: adapted(value)
        for value in {one for row in rows for one in (row.issue_date, row.dated_at, row.not_after)}
    }
    with connection.cursor() as cursor:
        cursor.executemany(INSERT_DELIVERY, [_values(row, batch, stored) for row in rows])
        if not ready:
            return
        # an insert that ignores conflicts returns no keys
        cursor.execute(SELECT_KEYS_OF_BATCH, [batch])
        cursor.executemany(INSERT_CONTENT, [_content(key, ready[message_id]) for message_id, key in cursor.fetchall()])


def _values(row: PlannedRow, batch: int | None, stored: Mapping[date | None, Any]) -> list[Any]:
    return [
        row.reader.id,
        stored[row.issue_date],
        row.edition.id if row.edition else None,
        batch if row.record else None,
        str(row.status),
        str(row.why_not),
        len(row.paper_ids),
        row.message_id,
        stored[row.dated_at],
        stored[row.not_after],
    ]


def _content(key: int, row: PlannedRow) -> tuple[int, str, str, str]:
    assert row.record  # noqa: S101 (only rows with a mail have one)
    return key, json.encode(row.paper_ids).decode(), row.subject, row.record.to_text()
