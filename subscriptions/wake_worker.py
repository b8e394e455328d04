"""Tell a worker that a row waits; one that does not hear it finds the row with the next minute's tick."""

from __future__ import annotations

import logging

from celery import current_app
from django.conf import settings

logger = logging.getLogger(__name__)


def enqueue_task(task: str, *, queue: str, timeout: float = 1) -> None:
    """Send the wake-up of this task; never raises when the broker is away, and gives up after ``patience`` seconds."""
    hurry = {"max_retries": 1, "interval_start": 0, "socket_connect_timeout": timeout, "socket_timeout": timeout}
    try:
        with current_app.connection(
            settings.CELERY_BROKER_URL, transport_options=hurry, connect_timeout=timeout
        ) as connection:
            current_app.send_task(task, queue=queue, connection=connection, retry=False, expires=settings.TICK_SECONDS)
    except Exception as error:  # each transport has its own; the row is there, whatever it was
        logger.warning("No worker was woken (%s); the next minute's tick finds what waits.", type(error).__name__)
