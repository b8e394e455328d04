"""What Celery calls. Tasks take nothing and may run twice without harm: the database is the queue."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from celery import Task, shared_task
from django.conf import settings
from django.db import InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerGone

from digest import jobs
from digest.delivery.apply_events import apply_events as apply_provider_events
from digest.delivery.apply_events import has_pending
from subscriptions import link_requests
from subscriptions.tasks import process_pending

logger = logging.getLogger(__name__)


class LoggedTask(Task):
    """A task whose failure is one line when a service is gone or a disk full, and a traceback when it is a mistake."""

    abstract = True
    throws = (OperationalError, InterfaceError, BrokerGone, OSError)

    def on_failure(self, exc: Exception, *args: Any) -> None:
        if isinstance(exc, self.throws):
            reason = " ".join(str(exc).split())
            logger.error("%s could not be done (%s). Nothing is lost; the next minute tries again.", self.name, reason)


def clock() -> datetime:
    return datetime.now(UTC)


@shared_task(base=LoggedTask)
def refresh() -> None:
    jobs.refresh(clock())


@shared_task(base=LoggedTask)
def open_edition() -> None:
    jobs.open_edition(clock())


@shared_task(base=LoggedTask)
def tick() -> None:
    try:
        jobs.tick(clock())
    finally:  # what was planned or asked for before must leave, even if planning fails now
        if link_requests.has_pending(clock()):
            process_pending.apply_async(expires=settings.TICK_SECONDS)
        if has_pending():  # what shows that a mail has left comes before what would send it again
            apply_events.apply_async(expires=settings.TICK_SECONDS)
        for _ in range(jobs.waiting(clock())):
            deliver.apply_async(expires=settings.TICK_SECONDS)


@shared_task(base=LoggedTask)
def tidy() -> None:
    jobs.tidy(clock())


@shared_task(base=LoggedTask)
def deliver() -> None:
    if (pause := jobs.deliver(clock)) is not None:
        deliver.apply_async(countdown=pause.total_seconds(), expires=pause.total_seconds() + settings.TICK_SECONDS)


@shared_task(base=LoggedTask)
def apply_events() -> None:
    apply_provider_events(clock())
