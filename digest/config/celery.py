"""The Celery app and the timetable.

The worker and beat load this module (``celery -A digest.config.celery``), and the web process, to wake a worker for a
row that it wrote; a worker that misses the message finds the row with the next tick.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
import warnings
from datetime import UTC, datetime
from typing import Any

from celery import Celery, signals
from celery.beat import ScheduleEntry, Scheduler, SchedulingError
from celery.exceptions import CPendingDeprecationWarning
from celery.platforms import SecurityWarning
from celery.schedules import schedule
from kombu import Queue
from kombu.transport import TRANSPORT_ALIASES

from digest.config import broker
from digest.config.garbage import leave_out_loaded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "digest.config.settings")
from django.conf import settings

# Django's checks would bring all pages into each worker's memory; every other command runs them.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")
logger = logging.getLogger(__name__)
TRANSPORT_ALIASES[broker.SCHEME] = "digest.config.broker:Transport"
TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = "digest.config.broker:RedisTransport"


def since_start() -> datetime:
    """Return a monotonic time: if the wall clock were put back an hour, beat would stop for an hour."""
    return datetime.fromtimestamp(time.monotonic(), UTC)


class Timetable(Scheduler):
    """A scheduler without a file, new at each start, which logs one line if a message cannot be sent."""

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        try:
            self.apply_async(entry, producer=producer, advance=False)
        except SchedulingError as error:
            hint = (
                "Is Redis running?"
                if settings.REDIS_URL
                else f"Can {settings.VAR} be written to, and is its disk full?"
            )
            logger.error("%s %s It runs again in the next minute.", error, hint)


EVERY_TICK = schedule(settings.TICK_SECONDS, nowfun=since_start)  # the rows have the readers' time zones

app = Celery("broadsheet")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.task_queues = [Queue(name, routing_key=name) for name in ("mail", "ticks", "digests", "summaries")]
STEPS = [
    "refresh",  # fetch the due sources
    "open_edition",  # open today's edition when it is complete, or at its deadline
    "tick",  # reclaim leases of dead workers, plan due readers, wake the tasks that deliver and send links
    *(["summarise"] if settings.SUMMARY_URL else []),  # have the operator's model write summaries
    # have the operator's model make vectors of titles
    *(["write_vectors"] if settings.SEMANTIC_MODEL or settings.EMBEDDING_URL else []),
    "read_libraries",  # read readers' public libraries that are due
    "tidy",  # once an hour, delete expired rows and count
]
app.conf.beat_schedule = {
    name: {"task": f"digest.tasks.{name}", "schedule": EVERY_TICK, "options": {"expires": settings.MESSAGE_LASTS}}
    for name in STEPS
    if settings.MODE == "live"
    or name not in ("refresh", "open_edition", "summarise")  # outside live mode time does not pass
}

# It warns of root with pickled messages; ours are empty JSON.
warnings.filterwarnings("ignore", category=SecurityWarning)


@signals.setup_logging.connect
def log_as_everywhere(**_: Any) -> None:
    """Keep the logging of the settings with its masks, which Celery's would replace."""


@signals.worker_init.connect
def set_temp_dir(**_: Any) -> None:
    # the file broker moves each message through this folder, which must be on the same disk
    if not settings.REDIS_URL:
        tempfile.tempdir = str(settings.QUEUE / "taken")


@signals.worker_init.connect
def collect_garbage_seldom(**_: Any) -> None:
    """Look for garbage less: else an edition's papers would be looked at hundreds of times per batch (20 %)."""
    leave_out_loaded(50_000, 20, 50)


@signals.worker_process_init.connect
def recover_deliveries(**_: Any) -> None:
    """Take back what a killed process held, before its lease is over; the timetable does the same each minute."""
    from digest import jobs

    try:
        jobs.recover(datetime.now(UTC))
    except Exception as error:  # a process must start while the database is away
        logger.warning("What ended processes held is looked at in the next minute (%s).", " ".join(str(error).split()))


@signals.worker_ready.connect
def worker_ready(**_: Any) -> None:
    # It warns of a setting chosen on purpose; Celery enables these warnings while it starts.
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
    print("ready", flush=True)  # noqa: T201 (for the starting process)


@signals.beat_init.connect
def beat_ready(**_: Any) -> None:
    print("ready: the timetable", flush=True)  # noqa: T201 (likewise)
