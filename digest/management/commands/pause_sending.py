"""Pause all digests."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from digest.delivery import throttle


class Command(BaseCommand):
    help = (
        "Pause all digests until resume_sending. Each worker finishes the chunk that it is sending. Digests are still "
        "planned, and expire if they wait too long. Mails with a link still leave. "
        "Exit codes: 0 done; 2 wrong arguments."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--why", default="Paused by hand.", help="reason, shown on the dashboard and by doctor")

    def handle(self, *, why: str, **options: Any) -> None:
        now = datetime.now(UTC)
        if throttle.pause(why, now=now):
            self.stdout.write(
                f"Paused all digests through {settings.MAIL_PROVIDER}. To resume: ./run manage resume_sending"
            )
        else:
            self.stdout.write(f"All digests are paused already, so this reason is not kept. {throttle.state(now).why}")
