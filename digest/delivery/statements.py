"""Text of the SQL statements that planning and sending repeat for many rows; SQLite and PostgreSQL understand each.

Values are given as Django's cursor takes them: ``%s``, dates and moments as :func:`adapted` returns them.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache

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


def adapted(value: date | datetime | None) -> object:
    """Return a date or a moment as the database's driver takes it."""
    return _adapted(connection.vendor, value)


# the rows of a batch have few different days and moments
@lru_cache(maxsize=1000)
def _adapted(vendor: str, value: date | datetime | None) -> object:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return connection.ops.adapt_datefield_value(value)
