"""The timetable's steps in one process, without a broker."""

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
        "Do what is due now: fetch, open the day's edition, plan and deliver, answer visitors, settle what providers "
        "told. A house without worker, beat or Redis runs it with --loop, or from cron each minute. Beside a worker it "
        "does no harm: each step has one turn for all. Exit codes: 0 done; 2 wrong arguments."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--loop", action="store_true", help="again each minute, until stopped (Ctrl-C)")

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
    """All steps of the minute; deliveries that a rate holds back wait for the next call."""
    if settings.MODE == "live":  # a given day does not move on by itself
        jobs.refresh(clock())
        jobs.open_edition(clock())
    jobs.tick(clock())
    jobs.tidy(clock())
    link_requests.process_pending(clock())
    apply_events(clock())
    while jobs.waiting(clock()):
        jobs.deliver(clock)
