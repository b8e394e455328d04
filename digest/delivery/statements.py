"""Text of the SQL statements that planning and sending repeat for many rows; SQLite and PostgreSQL understand each.

Values are given as Django's cursor takes them: ``%s``, dates and moments as :func:`adapted` returns them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models.base import ModelState
from msgspec import json

Row = TypeVar("Row", bound=models.Model)

# The columns that planning reads of a reader.
OF_PLANNED_READER = (
    *("id", "public_id", "email", "status", "paused_until", "zone", "weekdays", "send_hour", "max_papers", "hype"),
    *("layout", "also_trending", "quiet_days", "turned_down", "last_digest_at", "last_issue_date", "next_send_at"),
)

# Read those of these readers who are on the list: keys.
SELECT_LISTED = f"""
    SELECT {", ".join(OF_PLANNED_READER)} FROM subscriptions_subscriber
    WHERE status IN ('active', 'paused') AND id IN ({{keys}}) ORDER BY id
"""  # noqa: S608 (names of columns)

# Read what these readers want and mute, in the order in which they said so: keys.
SELECT_PREFERENCES = """
    SELECT subscriber_id, stance, topic_id, kind, value, until FROM subscriptions_preference
    WHERE subscriber_id IN ({keys}) ORDER BY id
"""

# Write a planned digest, unless its reader has one for that day.
INSERT_DELIVERY = """
    INSERT INTO digest_delivery (
        subscriber_id, issue_date, edition_id, batch_id, status, status_reason, paper_count, message_id, dated_at,
        not_after, detail, attempts, provider, answer, provider_message_id
    ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '', 0, '', '', '')
    ON CONFLICT DO NOTHING
"""

# Read the keys of the rows that INSERT_DELIVERY has written for one batch.
SELECT_KEYS_OF_BATCH = "SELECT message_id, id FROM digest_delivery WHERE batch_id = %s"

# Write what one digest consists of.
INSERT_CONTENT = """
    INSERT INTO digest_deliverycontent (delivery_id, paper_ids, subject, record) VALUES (%s, %s, %s, %s)
    ON CONFLICT DO NOTHING
"""

# Keep a batch for this worker, as long as the lease is still its own: until, key, token, now.
KEEP_LEASE = """
    UPDATE digest_batch SET lease_until = %s WHERE id = %s AND token = %s AND status = 'leased' AND lease_until > %s
"""

# The columns of SELECT_READY, by table: of a delivery what sending reads and writes, of its reader what a last look and
# a mail need, and of its content all but the record, which comes last, as text.
OF_DELIVERY = (
    *("id", "subscriber_id", "issue_date", "announcement_id", "edition_id", "batch_id", "status", "status_reason"),
    *("detail", "paper_count", "message_id", "dated_at", "attempts", "not_before", "not_after", "handed_over_at"),
    *("provider", "answer", "accepted_at", "provider_message_id"),
)
OF_READER = ("id", "public_id", "email", "status", "paused_until", "confirmed_at")
OF_CONTENT = ("delivery_id", "paper_ids", "subject")


def _columns(table: str, names: tuple[str, ...]) -> str:
    return ", ".join([f"{table}.{name}" for name in names])


# Read the next ready deliveries of a batch with their readers and contents, those of SELECT_FRESH or SELECT_IN_REQUEST:
# batch, how many. Where the database can, both are locked: who leaves at this moment is either seen to have left, or
# waits until the row says handing_off; and an event that shows that this digest has left before is either seen, or
# comes after.
SELECT_READY = f"""
    SELECT {_columns("delivery", OF_DELIVERY)}, {_columns("reader", OF_READER)}, {_columns("content", OF_CONTENT)},
        content.record
    FROM digest_delivery delivery
    JOIN subscriptions_subscriber reader ON reader.id = delivery.subscriber_id
    LEFT JOIN digest_deliverycontent content ON content.delivery_id = delivery.id
    WHERE delivery.status = 'ready' AND delivery.id IN ({{keys}})
    ORDER BY delivery.provider_message_id, delivery.id
"""  # noqa: S608 (names of columns)
LOCKED = " FOR NO KEY UPDATE OF delivery, reader"
# The keys of ready deliveries that no request holds together, which SQLite finds without sorting the batch; and of the
# others, request by request.
SELECT_FRESH = """
    SELECT id FROM digest_delivery WHERE batch_id = %s AND status = 'ready' AND provider_message_id = ''
    ORDER BY id LIMIT %s
"""
SELECT_IN_REQUEST = """
    SELECT id FROM digest_delivery WHERE batch_id = %s AND status = 'ready' AND provider_message_id <> ''
    ORDER BY provider_message_id, id LIMIT %s
"""

# Write that a batch is no longer this worker's: done, or open again where a delivery in it is still ready: from when
# on, key, token.
GIVE_BACK = """
    UPDATE digest_batch SET token = '', lease_until = NULL, not_before = %s, attempts = 0, status = CASE
        WHEN EXISTS (SELECT 1 FROM digest_delivery WHERE batch_id = digest_batch.id AND status = 'ready')
        THEN 'open' ELSE 'done' END
    WHERE id = %s AND token = %s
"""

OF_PROVIDER = (
    *("id", "name", "status", "held_until", "why", "paused_by", "paused_at", "counted_since", "slow_rate"),
    *("slow_answer", "slowed_at", "next_at"),
)

# Read the state of sending through a provider, and the fingerprint of each key that addresses were suppressed with:
# name of the provider.
SELECT_PROVIDER = f"""
    SELECT {_columns("provider", OF_PROVIDER)}, known.fingerprint
    FROM digest_provider provider LEFT JOIN subscriptions_suppressionkey known ON 1 = 1
    WHERE provider.name = %s
"""  # noqa: S608 (names of columns)

# Write that these deliveries are being handed over: since when they may have left, key of their request, provider,
# keys.
MARK = """
    UPDATE digest_delivery SET status = 'handing_off', status_reason = '', detail = '', attempts = attempts + 1,
        handed_over_at = %s, provider_message_id = %s, provider = %s
    WHERE id IN ({keys})
"""

# Write that these deliveries were accepted, the first time that they were handed over, and that nothing else was said:
# when, since when they may have left, keys. What an event said meanwhile stays.
ACCEPT = """
    UPDATE digest_delivery SET status = 'accepted', status_reason = '', detail = '', answer = '', attempts = 1,
        accepted_at = %s, not_before = NULL, handed_over_at = %s
    WHERE status IN ('handing_off', 'unknown', 'retry_wait', 'ready') AND id IN ({keys})
"""

# Write by what number the provider knows a delivery: number, key.
NAME = "UPDATE digest_delivery SET provider_message_id = %s WHERE id = %s"

# Write that these readers got a digest, and say who of them was erased meanwhile: when, keys.
GOT_DIGEST = """
    UPDATE subscriptions_subscriber SET last_digest_at = %s WHERE id IN ({keys}) RETURNING id, status
"""


def for_keys(statement: str, count: int) -> str:
    """Return the statement with a place for each of so many keys."""
    return statement.format(keys=", ".join(["%s"] * count))


def adapted(value: date | datetime | None) -> Any:
    """Return a date or a moment as the database's driver takes it."""
    return _adapted(connection.vendor, value)


# the rows of a batch have few different days and moments
@lru_cache(maxsize=1000)
def _adapted(vendor: str, value: date | datetime | None) -> Any:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return connection.ops.adapt_datefield_value(value)


def instance(model: type[Row], names: tuple[str, ...], values: Sequence[Any]) -> Row:
    """Return a stored row with these columns, as the driver gave them; another is read when it is asked for.

    It is what ``QuerySet.only`` makes, in a tenth of the time, so whatever takes a model takes it.
    """
    row = model.__new__(model)
    row._state = ModelState()
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    fields = row.__dict__
    fields.update(zip(names, values, strict=True))
    for name, read in _readings(model, names):
        if fields[name] is not None:
            fields[name] = read(fields[name])
    return row


@cache
def _readings(model: type[models.Model], names: tuple[str, ...]) -> list[tuple[str, Callable[[Any], Any]]]:
    """Return the columns whose values are not as the driver returns them, each with what makes its value."""
    kinds = {name: type(model._meta.get_field(name)) for name in names}
    return [(name, _READ[kind]) for name, kind in kinds.items() if kind in _READ]


def _moment(value: datetime) -> datetime:
    """SQLite keeps moments without their zone, which is UTC."""
    return value if value.tzinfo else value.replace(tzinfo=UTC)


# Kind of a column -> what reads it. Django asks both databases for JSON as text.
_READ: dict[type, Callable[[Any], Any]] = {models.DateTimeField: _moment, models.JSONField: json.decode}
