"""Text of the SQL statements that planning and sending repeat for many rows; SQLite and PostgreSQL understand each.

Values are given as Django's cursor takes them: ``%s``, dates and moments as :func:`adapted` returns them.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django.db import connection

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
