"""The Celery app, and the timetable: the service's day on one screen.

The worker and beat load this module (``celery -A digest.config.celery``), and the web process, to wake a worker for a
row that it wrote: one that does not hear it finds the row with the next tick.
"""

from __future__ import annotations

import gc
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

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "digest.config.settings")
from django.conf import settings

logger = logging.getLogger(__name__)
TRANSPORT_ALIASES[broker.SCHEME] = "digest.config.broker:Transport"
TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = "digest.config.broker:RedisTransport"


def since_start() -> datetime:
    """A clock that nobody can put back: by the wall clock, beat would fall silent for an hour when it is."""
    return datetime.fromtimestamp(time.monotonic(), UTC)


class Timetable(Scheduler):
    """Keeps nothing on disk, so that each start begins anew, and says it in one line when a message cannot be sent."""

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        try:
            self.apply_async(entry, producer=producer, advance=False)
        except SchedulingError as error:
            logger.error("%s Is Redis up? The next minute tries again.", error)


EVERY_TICK = schedule(settings.TICK_SECONDS, nowfun=since_start)  # UTC: whose morning it is, the readers' rows know
EXPIRES = settings.TICK_SECONDS * 5 / 6  # a wake-up that waited longer is made good by the next one

app = Celery("broadsheet")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.task_queues = [Queue(name, routing_key=name) for name in ("mail", "ticks", "digests")]
STEPS = [
    "refresh",  # fetch the sources whose time has come
    "open_edition",  # open today's edition when it is complete, or at its deadline
    "tick",  # take back what dead workers held, plan who is due, wake deliverers and who answers visitors
    "tidy",  # once an hour, take out what is of no use any more
]
app.conf.beat_schedule = {
    name: {"task": f"digest.tasks.{name}", "schedule": EVERY_TICK, "options": {"expires": EXPIRES}}
    for name in STEPS
    if settings.MODE == "live" or name not in ("refresh", "open_edition")  # a given day does not move on by itself
}

warnings.filterwarnings("ignore", category=SecurityWarning)  # of root with pickled messages; ours are empty JSON


@signals.setup_logging.connect
def log_as_everywhere(**_: Any) -> None:
    """Logging is set up by the settings, with their masks; Celery's own would replace it."""


@signals.worker_init.connect
def set_temp_dir(**_: Any) -> None:
    if not settings.REDIS_URL:  # the broker of files takes each message out of its queue through this folder
        tempfile.tempdir = str(settings.QUEUE / "taken")


@signals.worker_init.connect
def collect_garbage_seldom(**_: Any) -> None:
    """By default Python looks through all of an edition's papers hundreds of times a batch, a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@signals.worker_ready.connect
def worker_ready(**_: Any) -> None:
    # Of a setting that we chose on purpose; Celery turns these warnings on while it starts.
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
    print("ready", flush=True)  # noqa: T201 (for whoever started it)


@signals.beat_init.connect
def beat_ready(**_: Any) -> None:
    print("ready: the timetable", flush=True)  # noqa: T201
