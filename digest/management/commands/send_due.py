"""Run the steps of the timetable in one process, without a broker."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from digest import jobs
from digest.delivery.apply_events import apply_events
from subscriptions import link_requests


class Command(BaseCommand):
    help = (
        "Run everything that is due: fetch, open an edition, plan, deliver, send links, apply providers' events. "
        "Without a worker, beat and Redis, run it with --loop, or from cron each minute. It is safe to run next to a "
        "worker, since each step needs a lease. Exit codes: 0 done; 2 wrong arguments."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--loop", action="store_true", help="repeat each minute until Ctrl-C")

    def handle(self, *, loop: bool, **options: Any) -> None:
        try:
            while True:
                began = time.monotonic()
                do_what_is_due(lambda: datetime.now(UTC))
                if not loop:
                    return
                time.sleep(max(0.0, settings.TICK_SECONDS - (time.monotonic() - began)))
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")


def do_what_is_due(clock: Callable[[], datetime]) -> None:
    """Run all steps of one minute; deliveries over the rate limit wait for the next call."""
    # outside live mode time does not pass
    if settings.MODE == "live":
        jobs.refresh(clock())
        jobs.open_edition(clock())
    jobs.tick(clock())
    jobs.tidy(clock())
    link_requests.process_pending(clock())
    apply_events(clock())
    while jobs.waiting(clock()):
        jobs.deliver(clock)
    if settings.MODE == "live":
        jobs.summarise(clock())
