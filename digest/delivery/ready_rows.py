"""Read the deliveries that a worker hands over next, each with its reader and its content, by statements of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

from digest.delivery.statements import (
    LOCKED,
    OF_CONTENT,
    OF_DELIVERY,
    OF_READER,
    SELECT_FRESH,
    SELECT_IN_REQUEST,
    SELECT_READY,
    instance,
)
from digest.models import Batch, Delivery, DeliveryContent
from digest.record import record_of
from subscriptions.models import Subscriber

READER, CONTENT = len(OF_DELIVERY), len(OF_DELIVERY) + len(OF_READER)  # where their columns begin


def ready_rows(batch: Batch, limit: int, *, locked: bool = True) -> list[Delivery]:
    """Return up to ``limit`` ready deliveries of a batch: first those that no request holds together.

    They are locked where the database can, unless ``locked`` is False.
    """
    lock = LOCKED if locked and connection.features.has_select_for_no_key_update else ""
    return _rows(SELECT_FRESH, lock, batch, limit) or _rows(SELECT_IN_REQUEST, lock, batch, limit)


def _rows(keys: str, lock: str, batch: Batch, limit: int) -> list[Delivery]:
    with connection.cursor() as cursor:
        cursor.execute(SELECT_READY.format(keys=keys) + lock, [batch.pk, limit])
        return [_delivery(values) for values in cursor.fetchall()]


def _delivery(values: Sequence[Any]) -> Delivery:
    row = instance(Delivery, OF_DELIVERY, values[:READER])
    row._state.fields_cache["subscriber"] = instance(Subscriber, OF_READER, values[READER:CONTENT])
    row._state.fields_cache["content"] = _content(values[CONTENT:]) if values[CONTENT] is not None else None
    return row


def _content(values: Sequence[Any]) -> DeliveryContent:
    content = instance(DeliveryContent, OF_CONTENT, values[:-1])
    content.parsed = record_of(values[-1])
    return content
