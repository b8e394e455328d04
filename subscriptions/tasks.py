"""Celery tasks: wake-ups to process waiting rows."""

from __future__ import annotations

from datetime import UTC, datetime

from celery import shared_task
from django.db import InterfaceError, OperationalError

from subscriptions import link_requests


@shared_task(throws=(OperationalError, InterfaceError, OSError))
def process_pending() -> None:
    link_requests.process_pending(datetime.now(UTC))
