"""Measure how well the morning's trending score finds the papers that have most votes later.

Prints overlap@5 with them for pools of one day (A) and of two (B), beside plain upvotes, Hacker News's formula and chance;
then what a later reading gains.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict

from rich.console import Console

from tests.benchmarks.command_line import Refused, Result, add_data_option, find_data
from tests.benchmarks.evaluate import LEAST_OVERLAP, OURS, DataUnreadable, evaluate_trending
from tests.benchmarks.reading_hours import evaluate_reading_hours


def add_options(parser: argparse.ArgumentParser) -> None:
    add_data_option(parser)


def run(given: argparse.Namespace, out: Console) -> Result:
    folder = find_data(given.data) / "hf_daily"
    try:
        overlaps, one_day, two_days = evaluate_trending(folder)
        by_hour = evaluate_reading_hours(folder)
    except DataUnreadable as error:
        raise Refused(str(error).removesuffix(".")) from error
    if not (one_day and two_days):
        raise Refused(f"no day in {folder} has ten papers with hours and later votes")
    out.print(f"{'overlap@5':16} A ({one_day} days)  B ({two_days} days)", markup=False, soft_wrap=True)
    for line in overlaps:
        out.print(f"{line.score:16} {line.one_day:12.3f}  {line.two_days:12.3f}", markup=False, soft_wrap=True)
    out.print(
        "by the hour of the reading (UTC), of papers that have votes after midnight", markup=False, soft_wrap=True
    )
    for read in by_hour:
        out.print(
            f"{read.hour:02}:00            {read.one_day:12.3f}  {read.two_days:12.3f}  ({read.days} days)",
            markup=False,
            soft_wrap=True,
        )
    figures = {
        "days": {"one_day": one_day, "two_days": two_days},
        "overlaps": [asdict(line) for line in overlaps],
        "reading_hours": [asdict(read) for read in by_hour],
        "least": LEAST_OVERLAP,
    }
    ours = next(line.two_days for line in overlaps if line.score == OURS)
    low = ours is None or ours < LEAST_OVERLAP
    return Result(figures, why_not=f"B is below {LEAST_OVERLAP}." if low else "")
