"""Wake a worker because a row waits. If that fails, the next minute's tick finds the row."""

from __future__ import annotations

import logging

from celery import current_app
from django.conf import settings

logger = logging.getLogger(__name__)


def enqueue_task(task: str, *, queue: str, timeout: float = 1) -> None:
    """Send this task. Never raises when the broker is away; gives up after ``timeout`` seconds."""
    hurry = {"max_retries": 1, "interval_start": 0, "socket_connect_timeout": timeout, "socket_timeout": timeout}
    try:
        with current_app.connection(
            settings.CELERY_BROKER_URL, transport_options=hurry, connect_timeout=timeout
        ) as connection:
            current_app.send_task(task, queue=queue, connection=connection, retry=False, expires=settings.MESSAGE_LASTS)
    except Exception as error:  # each transport raises its own errors, and the row is stored anyway
        logger.warning("No worker was woken (%s); the next minute's tick finds what waits.", type(error).__name__)
