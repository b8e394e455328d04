"""Measure how well the product's ranking finds what recorded readers went on to save, beside a plain BM25.

Prints, per set and task, the mean nDCG@10 over users: a plain BM25, ours with its 95 % interval, the least that is
accepted (within .01) without a model of titles, and the goal with one. The JSON file has them by set and task. With
``--cost`` it measures instead what ranking takes.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from digest.semantic.onnx_model import ModelUnusable, OnnxModel
from tests.benchmarks.command_line import Refused, Result, add_data_option, find_data, progress
from tests.benchmarks.evaluate import TASKS, DataUnreadable, Embed, Line, evaluate_ranking, sets
from tests.benchmarks.ranking_race import compare

COLUMNS = "{:17} {:4} {:>5} {:>5} {:>6} {:>6} {:>12} {:>6} {:>6}"


def add_options(parser: argparse.ArgumentParser) -> None:
    add_data_option(parser)
    parser.add_argument("--set", dest="name", metavar="NAME", help="only this set, for example citeulike_a")
    parser.add_argument("--task", choices=[*TASKS, "all"], default="all", help="only this task (default: all)")
    parser.add_argument(
        "--model", type=Path, metavar="FOLDER", help="with vectors of titles by the model in this folder"
    )
    parser.add_argument("--cost", action="store_true", help="only the CPU time of ranking, with likes and without")
    parser.add_argument("--against", metavar="REV", default="", help="with --cost: in turns with that revision")


def run(given: argparse.Namespace, out: Console) -> Result:
    folder = find_data(given.data) / "ranking_tasks"
    if given.against and not given.cost:
        raise Refused("--against measures the cost: give --cost too")
    if given.cost:
        return Result(compare(out, folder.resolve(), given.against))
    try:
        embed = OnnxModel(given.model).embed if given.model else None
    except ModelUnusable as error:
        raise Refused(str(error).removesuffix(".")) from error
    try:
        found = sets(folder)
        if given.name and given.name not in found:
            raise Refused(f"there is no set {given.name} in {folder}, only {', '.join(found)}")
        _print(out, COLUMNS.format("set", "task", "cases", "users", "BM25", "ours", "interval", "least", "goal"))
        lines: list[Line] = []
        for name, cases in found.items():
            if given.name in (None, name):
                lines += _evaluate(out, folder, name, cases, given.task, embed)
    except DataUnreadable as error:
        raise Refused(str(error).removesuffix(".")) from error
    figures: dict[str, object] = {}
    for line in lines:
        figures[line.name] = {one.task: one.ours for one in lines if one.name == line.name}
    figures["lines"] = [asdict(line) | {"accepted": line.enough} for line in lines]
    liked = [line.ours for line in lines if line.task != "k0"]
    if len(liked) > 1:
        _print(out, f"mean of the {len(liked)} rows with likes: {sum(liked) / len(liked):.4f}")
    low = not all(line.enough for line in lines)
    return Result(figures, why_not="at least one figure is below what is accepted." if low else "")


def _evaluate(out: Console, folder: Path, name: str, cases: int, task: str, embed: Embed | None) -> list[Line]:
    """Print a set's lines as soon as it is done, and return them."""
    with progress() as bar:
        doing = bar.add_task(name, total=cases)
        lines = evaluate_ranking(
            folder, name=name, task=task, embed=embed, progress=lambda done: bar.advance(doing, done)
        )
    for line in lines:
        baseline, ours, least, goal = (
            "" if figure is None else f"{figure:.3f}" for figure in (line.baseline, line.ours, line.least, line.goal)
        )
        interval = f"{line.interval[0]:.3f}-{line.interval[1]:.3f}"
        text = COLUMNS.format(line.name, line.task, line.cases, line.users, baseline, ours, interval, least, goal)
        _print(out, text if line.enough else f"{text}  too low")
    return lines


def _print(out: Console, text: str) -> None:
    out.print(text, markup=False, soft_wrap=True)
