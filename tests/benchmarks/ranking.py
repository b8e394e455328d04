"""Measure how well the product's ranking finds what recorded readers went on to save, beside a plain BM25.

Prints, per set and task, the mean nDCG@10 over users: a plain BM25, ours, the least that is accepted (within .01) and
the goal.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from tests.benchmarks.command_line import Refused, Result, add_data_option, find_data, progress
from tests.benchmarks.evaluate import TASKS, DataUnreadable, Line, evaluate_ranking, sets

COLUMNS = "{:17} {:4} {:>5} {:>5} {:>6} {:>6} {:>6} {:>6}"


def add_options(parser: argparse.ArgumentParser) -> None:
    add_data_option(parser)
    parser.add_argument("--set", dest="name", metavar="NAME", help="only this set, for example citeulike_a")
    parser.add_argument("--task", choices=[*TASKS, "all"], default="all", help="only this task (default: all)")


def run(given: argparse.Namespace, out: Console) -> Result:
    folder = find_data(given.data) / "ranking_tasks"
    try:
        found = sets(folder)
        if given.name and given.name not in found:
            raise Refused(f"there is no set {given.name} in {folder}, only {', '.join(found)}")
        _print(out, COLUMNS.format("set", "task", "cases", "users", "BM25", "ours", "least", "goal"))
        lines: list[Line] = []
        for name, cases in found.items():
            if given.name in (None, name):
                lines += _evaluate(out, folder, name, cases, given.task)
    except DataUnreadable as error:
        raise Refused(str(error).removesuffix(".")) from error
    figures = {"lines": [asdict(line) | {"accepted": line.enough} for line in lines]}
    low = not all(line.enough for line in lines)
    return Result(figures, why_not="at least one figure is below what is accepted." if low else "")


def _evaluate(out: Console, folder: Path, name: str, cases: int, task: str) -> list[Line]:
    """Print a set's lines as soon as it is done, and return them."""
    with progress() as bar:
        doing = bar.add_task(name, total=cases)
        lines = evaluate_ranking(folder, name=name, task=task, progress=lambda done: bar.advance(doing, done))
    for line in lines:
        figures = [
            "" if figure is None else f"{figure:.3f}" for figure in (line.baseline, line.ours, line.least, line.goal)
        ]
        text = COLUMNS.format(line.name, line.task, line.cases, line.users, *figures)
        _print(out, text if line.enough else f"{text}  too low")
    return lines


def _print(out: Console, text: str) -> None:
    out.print(text, markup=False, soft_wrap=True)
