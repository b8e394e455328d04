"""Read sources and store their papers."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from digest.editions.current_time import noon
from digest.ingest import refresh, sample, store
from digest.management import files as given
from digest.management import summary


class Command(BaseCommand):
    help = (
        "Store the papers of the given files; without files, of the live sources that are due (or of the bundled "
        "sample day with BROADSHEET_MODE=sample). Prints the expected, stored, new, updated and refused papers of each "
        "source. Exit codes: 0 at least one source was read, or none was due; 1 none could be read; 2 wrong arguments."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        given.add_arguments(parser)

    def handle(self, *, files: list[Path] | None, day: date | None, **options: Any) -> None:
        feeds = given.read(files) if files else None
        day = day or (given.day_of(feeds) if feeds else None) or datetime.now(UTC).date()
        if feeds is None and settings.MODE == "live":
            readings = refresh.refresh_due(datetime.now(UTC))
        else:
            feeds = feeds or dict(sample.feeds(day))
            stored = store.store_files(feeds, now=noon(day))
            readings = list(summary.progress("Storing papers", stored, total=len(feeds)))
        summary.print_readings(summary.console(), readings, day=day)
        if readings and all(reading.error_kind for reading in readings):
            raise CommandError("No source could be read; see the reasons above.", returncode=1)
