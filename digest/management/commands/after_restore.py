"""What has to be done once after the database came back from a backup."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from digest.delivery.after_restore import after_restore


class Command(BaseCommand):
    help = (
        "Run this on a database that was restored from a backup, before anything else is started: what was open in it "
        "or came due since may have left, so it is marked as unknown and not sent again, and sending is paused until "
        "resume_sending. Exit codes: 0 done; 2 wrong arguments."
    )

    def handle(self, **options: Any) -> None:
        restored = after_restore(datetime.now(UTC))
        self.stdout.write(
            f"Paused. {restored.doubtful + restored.passed:,} digests may have left and are not sent again: "
            f"{restored.doubtful:,} that were open in the backup, {restored.passed:,} that came due since."
        )
