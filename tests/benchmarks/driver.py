"""A contender's process: it answers, line by line, what ``tests.benchmarks.contenders`` asks.

``python -m tests.benchmarks.driver MODULE ARGUMENTS`` sets Django up on one core and calls the module's
``questions(*arguments)``. It imports nothing of the product by name, so ``./run bench --against REV`` also runs it in the
tree of another revision.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import django

CORE = "BENCH_CORE"  # the variable that says which
Questions = Mapping[str, Callable[..., dict[str, Any]]]


def answer(module: str, *arguments: str) -> None:
    """With Django set up, answer until nobody asks any more."""
    stay_on_one_core()
    django.setup()
    importlib.import_module("digest.config.celery").collect_garbage_seldom()  # as in a worker, for all of them
    questions: Questions = importlib.import_module(module).questions(*arguments)
    for line in sys.stdin:
        what, values = json.loads(line)
        sys.stdout.write(json.dumps(questions[what](**values)) + "\n")
        sys.stdout.flush()


def stay_on_one_core() -> None:
    """To be called before numpy is there, which else takes a thread for each core."""
    if (core := os.environ.get(CORE)) and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core)})


@dataclass(slots=True)
class Stopwatch:
    """CPU seconds of this process, and seconds on the wall, while it runs."""

    cpu: float = 0.0
    wall: float = 0.0
    _began: tuple[float, float] = (0.0, 0.0)

    def __enter__(self) -> Stopwatch:
        self._began = (time.process_time(), time.perf_counter())
        return self

    def __exit__(self, *raised: object) -> None:
        cpu, wall = self._began
        self.cpu, self.wall = self.cpu + time.process_time() - cpu, self.wall + time.perf_counter() - wall

    def watch(self, owner: Any, name: str) -> None:
        """Count the time within this function of a class. Raises AttributeError without it."""
        watched: Callable[..., Any] = getattr(owner, name)

        @wraps(watched)
        def timed(*arguments: Any, **options: Any) -> Any:
            with self:
                return watched(*arguments, **options)

        setattr(owner, name, staticmethod(timed) if getattr(watched, "__self__", None) is owner else timed)


def forget_peak() -> None:
    """Count the peak from now on, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_megabytes() -> float:
    """The most memory this process held; ``ru_maxrss`` alone would count what its parent held when it forked."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)


def sending(ours: Any) -> Questions:
    """Plan and deliver a day through a mail server; ``ours`` is a module with the names that a revision has for it.

    It has ``NOW``, ``ONCE`` (functions whose work is the same for any number of readers, which is taken off), ``TABLES``
    (what a run writes, in the order in which it can be deleted), ``plan(ids)`` and ``deliver(clock)``.
    """
    from datetime import datetime, timedelta

    from django.conf import settings

    from subscriptions.models import Subscriber

    start, once = time.process_time(), Stopwatch()
    for owner, name in ours.ONCE:
        once.watch(owner, name)

    def run(count: int, port: int) -> dict[str, Any]:
        """Send to ``count`` readers as if nobody had written to them today, through the mail server on that port."""
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        ids = list(Subscriber.objects.order_by("pk").values_list("pk", flat=True)[:count])
        forget_deliveries(ours)
        forget_peak()
        once.cpu, began = 0.0, time.monotonic()

        def clock() -> datetime:
            now: datetime = ours.NOW + timedelta(seconds=time.monotonic() - began)
            return now

        with Stopwatch() as watch:
            ours.plan(ids)
            planned = time.perf_counter()
            mails = ours.deliver(clock)
        return {
            "mails": mails,
            "once": once.cpu,
            "delivering": time.perf_counter() - planned,
            "cpu": watch.cpu,
            "wall": watch.wall,
            "peak": peak_megabytes(),
            "start": start,
        }

    return {"run": run}


def forget_deliveries(ours: Any) -> None:
    """Delete what a run wrote, and make every reader due again."""
    from datetime import timedelta

    from django.db import connection

    from subscriptions.models import Subscriber

    for table in ours.TABLES:
        rows = table.objects.all()
        rows._raw_delete(rows.db)  # else Django reads each of them first, and their memory counts as ours
    day_before = ours.NOW - timedelta(days=1)
    Subscriber.objects.update(next_send_at=ours.NOW, last_issue_date=None, last_digest_at=day_before)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


if __name__ == "__main__":
    answer(*sys.argv[1:])
