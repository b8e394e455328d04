"""Let digests leave again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from digest.delivery import throttle


class Command(BaseCommand):
    help = (
        "Let digests leave again, whether somebody paused them or too many were refused. Nobody gets one twice, and "
        "what is too late by now has expired. Exit codes: 0 done; 2 wrong arguments."
    )

    def handle(self, **options: Any) -> None:
        throttle.resume(now=datetime.now(UTC))
        self.stdout.write(f"Digests leave through {settings.MAIL_PROVIDER} again, from the next minute on.")
