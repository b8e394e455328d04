"""Measure how long storing one large body keeps SQLite locked: its transactions, and what another connection waits.

The body is the largest that a parser takes (50,000 papers), invented; then it comes again with a new version of each
paper. Another process writes all the while, a tenth of a second apart.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks import ground
from tests.benchmarks.command_line import Result

MOST_SECONDS = 2.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--papers", type=int, default=50_000, help="default: 50000, the most that a parser takes")


def run(given: argparse.Namespace, out: Console) -> Result:
    with ground.installation(in_postgres=False) as place:
        found: dict[str, Any] = json.loads(
            place.run("-m", "tests.benchmarks.storing_ground", str(given.papers), afresh=True)
        )
    table = Table(title=f"sqlite, {given.papers:,} papers", title_justify="left")
    columns = ("transactions", "longest s", "median s", "longest CPU s", "longest wait of another s", "in all s")
    for column in ("reading", *columns):
        table.add_column(column, justify="left" if column == "reading" else "right")
    for name, figures in found.items():
        table.add_row(name, *(f"{figures[column]:,}" for column in columns))
    out.print(table)
    longest = max(figures["longest s"] for figures in found.values())
    return Result(found, f"a transaction took {longest} s." if longest > MOST_SECONDS else "")
