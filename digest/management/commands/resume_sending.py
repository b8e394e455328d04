"""Resume all digests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from digest.delivery import throttle


class Command(BaseCommand):
    help = (
        "Resume all digests, whether somebody paused them or too many were refused. Nobody gets one twice, and digests "
        "that waited too long have expired. Exit codes: 0 done; 1 a restore is not finished; 2 wrong arguments."
    )

    def handle(self, **options: Any) -> None:
        try:
            throttle.resume(now=datetime.now(UTC))
        except throttle.RestoreUnfinished as error:
            raise CommandError(f"Not resumed: {error}", returncode=1) from None
        self.stdout.write(f"Resumed. Digests leave through {settings.MAIL_PROVIDER} within a minute.")
