"""Celery's consumer, which ignores a message of another version of the service with one line."""

from __future__ import annotations

import logging
from typing import Any

from celery.worker import consumer

logger = logging.getLogger(__name__)


class Consumer(consumer.Consumer):
    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Drop the message: a lost wake-up does no harm. Celery would log its whole content as an error."""
        name = message.headers.get("task", "without a name") if message.headers else "without a name"
        logger.warning("A message for the task %s was ignored: this version has no such task.", name)
        message.reject_log_error(logger, self.connection_errors)
