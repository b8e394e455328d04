"""Stop digests from leaving."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from digest.delivery import throttle


class Command(BaseCommand):
    help = (
        "Let no digest leave until resume_sending: what is being handed over at this moment ends, at most one chunk a "
        "worker. Digests go on being planned, and expire when their time is over. Mails with a link leave all the "
        "same. Exit codes: 0 done; 2 wrong arguments."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--why", default="Paused by hand.", help="shown to whoever looks")

    def handle(self, *, why: str, **options: Any) -> None:
        throttle.pause(why, now=datetime.now(UTC))
        self.stdout.write(f"Paused: no digest leaves through {settings.MAIL_PROVIDER}. Go on with: resume_sending")
