"""Celery's entry points. Tasks have no arguments and may run twice without harm: the database is the queue."""

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
    """A task that logs one line if a service is down or a disk is full, and a traceback for any other error."""

    abstract = True
    throws = (OperationalError, InterfaceError, BrokerGone, OSError)

    def on_failure(self, exc: Exception, *args: Any) -> None:
        if isinstance(exc, self.throws):
            reason = " ".join(str(exc).split())
            logger.error("%s failed (%s). Nothing is lost; it runs again in the next minute.", self.name, reason)


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
    finally:
        # Work from earlier ticks goes on even if planning fails now.
        if link_requests.has_pending(clock()):
            process_pending.apply_async(expires=settings.MESSAGE_LASTS)
        # Events go first: they may show that a mail has left, which would otherwise be sent again.
        if has_pending():
            apply_events.apply_async(expires=settings.MESSAGE_LASTS)
        for _ in range(jobs.waiting(clock())):
            deliver.apply_async(expires=settings.MESSAGE_LASTS)


@shared_task(base=LoggedTask)
def read_libraries() -> None:
    jobs.read_libraries(clock())


@shared_task(base=LoggedTask)
def summarise() -> None:
    jobs.summarise(clock())


@shared_task(base=LoggedTask)
def write_vectors() -> None:
    jobs.write_vectors(clock())


@shared_task(base=LoggedTask)
def tidy() -> None:
    jobs.tidy(clock())


@shared_task(base=LoggedTask)
def deliver() -> None:
    if (pause := jobs.deliver(clock)) is not None:
        deliver.apply_async(countdown=pause.total_seconds(), expires=pause.total_seconds() + settings.MESSAGE_LASTS)


@shared_task(base=LoggedTask)
def apply_events() -> None:
    apply_provider_events(clock())
