"""Lay down a large invented installation, and measure the dashboard's pages on it."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table

from digest.management import large, page_times, summary


class Command(BaseCommand):
    help = (
        "Lay down an invented installation (papers, sources, editions, readers under .invalid, their deliveries) in an "
        "empty database, or --measure how long the dashboard's pages take. Never in a house that sends mail for real. "
        "Exit codes: 0 done; 1 refused; 2 wrong arguments."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--readers", type=int, default=100_000)
        parser.add_argument("--papers", type=int, default=50_000)
        parser.add_argument("--days", type=int, default=30, help="of editions and deliveries, the last one today")
        parser.add_argument("--seed", type=int, default=4)
        parser.add_argument("--measure", action="store_true", help="lay down nothing: print each page's times")

    def handle(self, *, measure: bool, readers: int, papers: int, days: int, seed: int, **options: Any) -> None:
        out = summary.console()
        if measure:
            _print(out)
            return
        if not (0 < days <= 365 and readers >= 0 and days <= papers <= 99_999):
            raise CommandError("Give 1 to 365 days, at least one paper a day and at most 99,999.", returncode=2)
        try:
            large.refuse_in_use()
        except large.NotHere as refusal:
            raise CommandError(str(refusal)) from None
        watching = Console(stderr=True)
        columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
        counts: dict[str, int] = {}
        with Progress(*columns, console=watching, transient=True, disable=not watching.is_terminal) as bar:
            task = bar.add_task("papers", total=papers + readers * (days + 6))
            for what, count in large.lay_down(
                readers=readers, papers=papers, days=days, now=datetime.now(UTC), seed=seed
            ):
                counts[what] = counts.get(what, 0) + count
                bar.update(task, description=what, advance=count)
        out.print(", ".join(f"{count:,} {what}" for what, count in counts.items()), soft_wrap=True)


def _print(out: Console) -> None:
    table = Table(title=f"The dashboard's pages, {page_times.ROUNDS} requests each", title_justify="left", box=None)
    table.add_column("page")
    for name in ("status", "queries", "median ms", "worst ms"):
        table.add_column(name, justify="right")
    for one in page_times.measure():
        table.add_row(one.label, str(one.status), str(one.queries), f"{one.median:.0f}", f"{one.worst:.0f}")
    out.print(table)
