"""``./run bench``: how fast digests are made and sent, beside the marks that were set.

Contenders take turns on one core, each in a process of its own; what is done once an edition stands apart. No figure is
printed before a thousand mails of each were parsed and found right. All figures also go to ``var/bench.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from tests.benchmarks import composing_race, pipeline_race
from tests.benchmarks.ground import QUICK, NotRight, Size
from tests.benchmarks.report import Mark, tell_marks
from tests.support.services import ROOT


def main(arguments: Sequence[str]) -> int:
    given = _parser().parse_args(arguments)
    size = QUICK if given.quick else replace(Size(), papers=given.papers, readers=given.readers)
    out = _console()
    found: dict[str, Any] = {"machine": _machine(), "size": asdict(size)}
    marks: list[Mark] = []
    try:
        if given.only != "sending":
            with _progress() as progress:
                found["composing"] = composing_race.race(size, progress)
            marks += composing_race.tell(out, found["composing"])
        if given.only != "composing":
            with _progress() as progress:
                found["sending"] = pipeline_race.race(size, progress, in_postgres=given.postgres)
            marks += pipeline_race.tell(out, found["sending"], size)
    except NotRight as wrong:
        out.print(f"No figures, since a mail is not right. {wrong}", markup=False)
        return 1
    tell_marks(out, marks)
    path = Path(os.environ.get("BROADSHEET_VAR") or ROOT / "var") / "bench.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n")
    out.print(f"\nAll figures: {path}", markup=False)
    return 0


def _machine() -> dict[str, Any]:
    found = Path("/proc/cpuinfo")
    lines = found.read_text().splitlines() if found.exists() else []
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "processor": models[0] if models else platform.processor(),
        "load": os.getloadavg(),
    }


def _console() -> Console:
    out = Console(highlight=False)
    return out if out.is_terminal else Console(highlight=False, width=140)


def _progress() -> Progress:
    watching = Console(stderr=True)
    return Progress(console=watching, transient=True, disable=not watching.is_terminal)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run bench", description="How fast digests are made and sent here.")
    parser.add_argument("--quick", action="store_true", help="a small day and few repeats: the figures say little")
    parser.add_argument("--only", choices=["composing", "sending"], help="half of it")
    parser.add_argument("--postgres", action="store_true", help="send from a private PostgreSQL instead of SQLite")
    parser.add_argument("--papers", type=int, default=Size().papers, help="in the edition (default: 1000)")
    parser.add_argument("--readers", type=int, default=Size().readers, help="to send to (default: 10000)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
