"""Celery's consumer that logs one line for a message of another version of the service."""

from __future__ import annotations

import logging
from typing import Any

from celery.worker import consumer

logger = logging.getLogger(__name__)


class Consumer(consumer.Consumer):
    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        """Drop the message, which is harmless. Celery would log its whole content as an error."""
        name = message.headers.get("task", "without a name") if message.headers else "without a name"
        logger.warning("Ignored a message for the task %s: this version has no such task.", name)
        message.reject_log_error(logger, self.connection_errors)
