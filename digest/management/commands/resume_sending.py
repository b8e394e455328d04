"""Resume all digests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from digest.delivery import throttle


class Command(BaseCommand):
    help = (
        "Resume all digests, whether somebody paused them or too many were refused. Nobody gets one twice, and digests "
        "that waited too long have expired. Exit codes: 0 done; 2 wrong arguments."
    )

    def handle(self, **options: Any) -> None:
        throttle.resume(now=datetime.now(UTC))
        self.stdout.write(f"Resumed. Digests leave through {settings.MAIL_PROVIDER} within a minute.")
