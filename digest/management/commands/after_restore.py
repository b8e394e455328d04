"""Prepare a database that was restored from a backup."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from digest.delivery.after_restore import after_restore


class Command(BaseCommand):
    help = (
        "Run this on a database restored from a backup, before you start anything else. Digests that were open in the "
        "backup or due since then may have left, so they are marked as unknown and not sent again. Sending is paused "
        "until resume_sending. Exit codes: 0 done; 2 wrong arguments."
    )

    def handle(self, **options: Any) -> None:
        restored = after_restore(datetime.now(UTC))
        self.stdout.write(
            f"Paused. {restored.doubtful + restored.passed:,} digests may have left and are not sent again: "
            f"{restored.doubtful:,} were open in the backup, {restored.passed:,} were due since then."
        )
