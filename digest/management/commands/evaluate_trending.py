"""How well the morning's trending score names the papers that have most votes in the end."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from digest.ranking.evaluate import LEAST_OVERLAP, OURS, DataUnreadable, evaluate_trending


class Command(BaseCommand):
    help = (
        "Score each recorded morning with the function that the daily job runs and print overlap@5 with the papers "
        "that have most votes later, for pools of one day (A) and of two (B), beside plain upvotes, Hacker News's "
        f"formula and chance. Exit codes: 0 B is at least {LEAST_OVERLAP}; 1 it is not, or the data are absent; "
        "2 wrong arguments."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data", type=Path, required=True, help="the folder hf_daily of the recorded data")

    def handle(self, *, data: Path, **options: Any) -> None:
        try:
            overlaps, one_day, two_days = evaluate_trending(data)
        except DataUnreadable as error:
            raise CommandError(str(error), returncode=1) from error
        if not (one_day and two_days):
            raise CommandError(f"No day in {data} has ten papers with hours and later votes.", returncode=1)
        self.stdout.write(f"{'overlap@5':16} A ({one_day} days)  B ({two_days} days)")
        for line in overlaps:
            self.stdout.write(f"{line.score:16} {line.one_day:12.3f}  {line.two_days:12.3f}")
        ours = next(line.two_days for line in overlaps if line.score == OURS)
        if ours is None or ours < LEAST_OVERLAP:
            raise CommandError(f"B is below {LEAST_OVERLAP}.", returncode=1)
