"""Prepare a database that was restored from a backup."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from digest.compose.phrases import plural
from digest.delivery import throttle
from digest.delivery.after_restore import EditionMayBeLost, after_restore, reopen_edition
from digest.editions import reach
from digest.management import summary

MAY_BE_LOST = (
    "Sending is paused, and nothing else is done: today's edition is not open in this database, and it cannot be "
    "opened now. If it was open before the loss, its papers would come a second time: run refresh_sources and "
    "open_edition, then after_restore again. If it was not open yet, run after_restore --no-edition-lost."
)


class Command(BaseCommand):
    help = (
        "Run this on a database restored from a backup, before you start anything else. Sources are read and today's "
        "edition is opened if it may have been open before. Digests that were open in the backup or due since then may "
        "have left, so they are marked as unknown and not sent again. Sending is paused until resume_sending. Exit "
        "codes: 0 done; 1 today's edition may be lost and cannot be opened; 2 wrong arguments."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--no-edition-lost", action="store_true", help="no edition opened between the backup and now: open none"
        )

    def handle(self, *, no_edition_lost: bool, **options: Any) -> None:
        # an older backup may lack tables, and what follows migrations: roles' permissions and the cache
        call_command("migrate", interactive=False, verbosity=0)
        self._say_what_was_paused(throttle.state(datetime.now(UTC)))
        throttle.pause_for_restore(is_finished=False, now=datetime.now(UTC))
        if not no_edition_lost:
            self._reopen_edition()
        restored = after_restore(datetime.now(UTC))
        both = plural(restored.doubtful + restored.passed, "digest")
        self.stdout.write(
            f"Paused. {both} may have left and will not be sent again: "
            f"{restored.doubtful:,} open in the backup, {restored.passed:,} due since then."
        )

    def _say_what_was_paused(self, before: throttle.State) -> None:
        """Say why digests were paused in the backup, since the pause of the restore takes its place."""
        if before.is_paused and before.why not in throttle.OF_RESTORES:
            when = f" on {before.since:%Y-%m-%d at %H:%M} UTC" if before.since else ""
            who = f" by {before.by}" if before.by else ""
            why = f": {before.why}" if before.why else "."
            self.stdout.write(f"In the backup, digests were paused{who}{when}{why}")
            self.stdout.write("resume_sending ends that pause too: run it only when its reason is gone.")

    def _reopen_edition(self) -> None:
        try:
            edition = reopen_edition(lambda: datetime.now(UTC))
        except EditionMayBeLost as lost:
            summary.print_readings(summary.console(), lost.readings, day=datetime.now(UTC).date())
            raise CommandError(MAY_BE_LOST, returncode=1) from None
        if edition:
            summary.print_edition(summary.console(), edition, opened=True)
            reach.count_readers(edition)
