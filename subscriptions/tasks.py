"""What Celery calls here: a wake-up to look for rows that wait."""

from __future__ import annotations

from datetime import UTC, datetime

from celery import shared_task
from django.db import InterfaceError, OperationalError

from subscriptions import answering


@shared_task(throws=(OperationalError, InterfaceError, OSError))
def answer() -> None:
    answering.answer_all(datetime.now(UTC))
