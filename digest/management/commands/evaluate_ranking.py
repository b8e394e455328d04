"""How well the product's own ranking finds what recorded readers went on to save, beside a plain BM25."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from digest.ranking.evaluate import TASKS, DataUnreadable, evaluate_ranking, sets

COLUMNS = "{:17} {:4} {:>5} {:>5} {:>6} {:>6} {:>6} {:>6}"


class Command(BaseCommand):
    help = (
        "Rank the recorded cases of a folder with the function that the daily job runs and print, per set and task, "
        "the mean nDCG@10 over users: a plain BM25, ours, the least that is accepted (within .01) and the goal. "
        "Takes some minutes. Exit codes: 0 every figure is accepted; 1 one is not, or the data are absent; "
        "2 wrong arguments."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data", type=Path, required=True, help="the folder ranking_tasks of the recorded data")
        parser.add_argument("--set", dest="name", help="only this set, for example citeulike_a")
        parser.add_argument("--task", choices=[*TASKS, "all"], default="all", help="only this task (default: all)")

    def handle(self, *, data: Path, name: str | None, task: str, **options: Any) -> None:
        try:
            found = sets(data)
            if name and name not in found:
                raise CommandError(f"There is no set {name} in {data}, only {', '.join(found)}.", returncode=2)
            self.stdout.write(COLUMNS.format("set", "task", "cases", "users", "BM25", "ours", "least", "goal"))
            enough = [self.evaluate(data, one, cases, task) for one, cases in found.items() if name in (None, one)]
        except DataUnreadable as error:
            raise CommandError(str(error), returncode=1) from error
        if not all(enough):
            raise CommandError("At least one figure is below what is accepted.", returncode=1)

    def evaluate(self, data: Path, name: str, cases: int, task: str) -> bool:
        """Print a set's lines as soon as it is done."""
        with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
            bar = progress.add_task(name, total=cases)
            lines = evaluate_ranking(data, name=name, task=task, progress=lambda done: progress.advance(bar, done))
        for line in lines:
            figures = [
                "" if figure is None else f"{figure:.3f}"
                for figure in (line.baseline, line.ours, line.least, line.goal)
            ]
            text = COLUMNS.format(line.name, line.task, line.cases, line.users, *figures)
            self.stdout.write(text if line.enough else f"{text}  too low")
        return all(line.enough for line in lines)
