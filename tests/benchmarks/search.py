"""Measure how well and how fast search finds papers that somebody knows of, on each database, beside the old search.

Known items are queries made of recorded papers, a hundred of each of eight kinds. The database is an installation of
its own, filled with recorded papers and, above 20,000, with invented ones made of their words. Likeness is measured
on csfcube: each pool, shuffled, is ordered by how like its papers are to one, and nDCG@10 compared with the labels;
with ``--model``, by the vectors of titles too.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from digest.semantic.onnx_model import ModelUnusable, OnnxModel
from tests.benchmarks import ground
from tests.benchmarks.command_line import Refused, Result, add_data_option, find_data

DATABASES = ("sqlite", "postgresql")
LEAST_RECALL, MOST_MS = 0.95, 20.0  # with 20,000 papers
LEAST_NDCG, LEAST_WITH_MODEL = 0.53, 0.56


def add_options(parser: argparse.ArgumentParser) -> None:
    add_data_option(parser)
    parser.add_argument("--papers", type=int, default=20_000, help="default: 20000")
    parser.add_argument("--database", choices=(*DATABASES, "both"), default="both", help="default: both")
    parser.add_argument("--seed", type=int, default=1, help="of the known items (default: 1)")
    parser.add_argument(
        "--model", type=Path, metavar="FOLDER", help="with vectors of titles by the model in this folder"
    )
    parser.add_argument("--without-old", action="store_true", help="leave out the old search, which is slow")


def run(given: argparse.Namespace, out: Console) -> Result:
    data = find_data(given.data)
    if given.papers < 1000:
        raise Refused("give at least 1000 papers, of which a hundred items of each kind can be made")
    if given.model:
        try:
            OnnxModel(given.model)
        except ModelUnusable as error:
            raise Refused(str(error).removesuffix(".")) from error
    figures: dict[str, Any] = {"papers": given.papers}
    for name in DATABASES if given.database == "both" else (given.database,):
        figures[name] = _measured(data, name, given)
        _print(out, name, figures[name])
    return Result(figures | _headline(figures), why_not=_why_not(figures, given))


def _measured(data: Path, name: str, given: argparse.Namespace) -> dict[str, Any]:
    with ground.installation(in_postgres=name == "postgresql") as place:
        old = "new" if given.without_old else "old"
        arguments = ("-m", "tests.benchmarks.search_ground", str(data), str(given.papers), str(given.seed), old)
        arguments += (str(given.model.resolve()) if given.model else "",)
        found: dict[str, Any] = json.loads(place.run(*arguments, afresh=True))
        return found


def _headline(figures: dict[str, Any]) -> dict[str, float]:
    """Return the worse of both databases."""
    new = [figures[name]["new"] for name in DATABASES if name in figures]
    return {
        "mean_recall_at_5": min(one["mean_recall_at_5"] for one in new),
        "median_ms": max(one["median_ms"] for one in new),
    }


def _why_not(figures: dict[str, Any], given: argparse.Namespace) -> str:
    head = _headline(figures)
    least = min(figures[name]["similar"]["ndcg"] for name in DATABASES if name in figures)
    accepted = LEAST_WITH_MODEL if given.model else LEAST_NDCG
    if given.papers <= 20_000 and head["mean_recall_at_5"] < LEAST_RECALL:
        return f"mean recall@5 is below {LEAST_RECALL}."
    return f"nDCG@10 of similar papers is below {accepted}." if least < accepted else ""


def _print(out: Console, name: str, figures: dict[str, Any]) -> None:
    which = [one for one in ("new", "old") if one in figures]
    table = Table(title=f"{name}, {figures['papers']:,} papers", title_justify="left")
    for column in (
        "kind",
        *(f"{one} {what}" for one in which for what in ("@1", "@5", "MRR", "ms", "p95 ms", "CPU ms")),
    ):
        table.add_column(column, justify="left" if column == "kind" else "right")
    for kind in figures["new"]["kinds"]:
        table.add_row(kind, *(cell for one in which for cell in _cells(figures[one]["kinds"][kind])))
    out.print(table)
    for one in which:
        total = figures[one]
        out.print(
            f"{one}: mean recall@1 {total['mean_recall_at_1']:.3f}, @5 {total['mean_recall_at_5']:.3f},"
            f" median {total['median_ms']:.1f} ms, p95 {total['p95_ms']:.1f} ms;"
            f" CPU {total['cpu_median_ms']:.1f} ms, p95 {total['cpu_p95_ms']:.1f} ms"
        )
    alike = figures["similar"]
    out.print(
        f"stored: {figures['store_seconds']:.1f} s, CPU {figures['store_cpu_seconds']:.1f} s;"
        f" index: {figures['index_seconds']:.1f} s, CPU {figures['index_cpu_seconds']:.1f} s, {figures['index_bytes'] / 1e6:.1f} MB"
    )
    out.print(
        f"similar: csfcube nDCG@10 {alike['ndcg']:.3f}, median {alike['median_ms']:.1f} ms, CPU {alike['cpu_median_ms']:.1f} ms\n"
    )


def _cells(found: dict[str, float]) -> list[str]:
    figures = [f"{found[name]:.2f}" for name in ("recall_at_1", "recall_at_5", "mrr")]
    return [*figures, f"{found['median_ms']:.1f}", f"{found['p95_ms']:.1f}", f"{found['cpu_median_ms']:.1f}"]
