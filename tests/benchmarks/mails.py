"""Measure how fast digests are made and sent, beside the marks that were set.

Contenders take turns on one core, each in a process of its own; what is done once an edition stands apart. No figure is
printed before a thousand mails of each were parsed and found right.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from typing import Any

import pytest
from rich.console import Console

from tests.benchmarks import composing_race, pipeline_race
from tests.benchmarks.command_line import Refused, Result, progress
from tests.benchmarks.ground import QUICK, NotRight, Size
from tests.benchmarks.report import Mark, tell_marks
from tests.support.services import postgres_binaries


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="a small day and few repeats: the figures say little")
    parser.add_argument("--only", choices=["composing", "sending"], help="half of it")
    parser.add_argument(
        "--against", metavar="REV", default="", help="send in turns with that revision, such as 5de826d"
    )
    parser.add_argument("--postgres", action="store_true", help="send from a private PostgreSQL instead of SQLite")
    parser.add_argument("--papers", type=int, default=Size().papers, help=f"in the edition (default: {Size().papers})")
    parser.add_argument("--readers", type=int, default=Size().readers, help=f"to send to (default: {Size().readers})")


def run(given: argparse.Namespace, out: Console) -> Result:
    if given.postgres:
        require_postgres()
    if given.against and given.only == "composing":
        raise Refused("--against measures sending: leave --only composing out")
    size = QUICK if given.quick else replace(Size(), papers=given.papers, readers=given.readers)
    found: dict[str, Any] = {"size": asdict(size)}
    marks: list[Mark] = []
    try:
        if given.only != "sending" and not given.against:
            with progress() as bar:
                found["composing"] = composing_race.race(size, bar)
            marks += composing_race.tell(out, found["composing"])
        if given.only != "composing":
            with progress() as bar:
                sent = pipeline_race.race(size, bar, in_postgres=given.postgres, against=given.against)
            found |= pipeline_race.figures(sent)
            marks += pipeline_race.tell(out, sent, size)
    except NotRight as wrong:
        return Result({}, why_not=f"no figures, since a mail is not right. {wrong}")
    tell_marks(out, marks)
    return Result(found | {"marks": [mark.as_json() for mark in marks]})


def require_postgres() -> None:
    """Raise Refused where no PostgreSQL is installed."""
    try:
        postgres_binaries()
    except (pytest.skip.Exception, pytest.fail.Exception) as missing:
        raise Refused(f"--postgres: {missing}") from None
