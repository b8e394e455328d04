"""Open a day's edition."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import BaseCommand

from digest.editions import reach
from digest.editions.current_time import noon
from digest.editions.open_edition import draft, open_edition
from digest.management import files as given
from digest.management import summary


class Command(BaseCommand):
    help = (
        "Open the edition of a day (today in UTC without --date): freeze its candidates, their cards and trending "
        "scores, and the completeness report. An open edition is not changed. Exit codes: 0 done; 2 wrong arguments."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        given.add_date(parser)
        parser.add_argument("--dry-run", action="store_true", help="show the candidates and save nothing")

    def handle(self, *, day: date | None, dry_run: bool, **options: Any) -> None:
        now = noon(day) if day else datetime.now(UTC)
        out = summary.console()
        if dry_run:
            summary.print_draft(out, now.date(), draft(now.date(), now=now))
        else:
            edition, opened = open_edition(now.date(), now=now)
            summary.print_edition(out, edition, opened=opened)
            reach.count_readers(edition)
