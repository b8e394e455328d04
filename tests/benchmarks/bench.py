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
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from tests.benchmarks.contenders import CORE, Contender, a_core
from tests.benchmarks.report import Mark, Spread, table, tell_marks
from tests.processes import SET_UP
from tests.services import ROOT, House

SENDER = {
    "SITE_URL": "https://digest.example.org",
    "DEFAULT_FROM_EMAIL": "Broadsheet <digest@mail.example.org>",
    "CONTACT": "desk@example.org",
    "POSTAL_ADDRESS": "1 Reading Lane, Dublin",
}
ROWS = {  # of the composing table, in the order printed
    "ours": "prepared: row to octets",
    "compose": "  of it: compose",
    "press": "  of it: press",
    "letter": "  of it: letter",
    "reference": "full render and Django: row to octets",
    "jinja": "  of it: Jinja2",
    "django": "  of it: Django's message",
}
TO_BE_CHECKED = ("ours", "reference")


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured; ``digests`` are made in a round of composing, ``looked_at`` mails checked."""

    papers: int = 1000
    digests: int = 1000
    looked_at: int = 1000
    repeats: int = 7


QUICK = Size(papers=300, digests=40, looked_at=40, repeats=3)


class NotRight(Exception):
    """A mail is wrong, so no figure counts."""


def main(arguments: Sequence[str]) -> int:
    given = _parser().parse_args(arguments)
    size = QUICK if given.quick else Size(papers=given.papers, repeats=given.repeats)
    out = _console()
    try:
        with _progress() as progress:
            composed = composing(size, progress)
    except NotRight as wrong:
        out.print(f"No figures, since a mail is not right. {wrong}", markup=False)
        return 1
    tell_composing(out, composed)
    path = Path(os.environ.get("BROADSHEET_VAR") or ROOT / "var") / "bench.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), "size": asdict(size), "composing": composed}, indent=1) + "\n")
    out.print(f"\nAll figures: {path}", markup=False)
    return 0


# --- composing -------------------------------------------------------------------------------------------------------


def composing(size: Size, progress: Progress) -> dict[str, Any]:
    """By contender: CPU microseconds a digest in each round, octets a mail, seconds to start and once an edition, peak memory."""
    rounds = size.repeats + 1
    with _house() as house, ExitStack() as stack:
        task = progress.add_task("Making a day and its deliveries", total=None)
        ids = _full_digests(house, papers=size.papers, count=rounds * size.digests)
        progress.update(task, description="Composing", total=rounds * len(ROWS), completed=0)
        contenders = {
            name: stack.enter_context(Contender("tests.benchmarks.composing", name, environment=house.environment))
            for name in ROWS
        }
        answers: dict[str, list[dict[str, Any]]] = {name: [] for name in ROWS}
        for round_ in range(rounds):
            some = ids[round_ * size.digests : (round_ + 1) * size.digests]
            for name, contender in contenders.items():
                if round_:
                    answers[name].append(contender.ask("again", ids=some))
                else:
                    folder = house.var / name
                    folder.mkdir()
                    answers[name].append(contender.ask("first", ids=some, folder=str(folder)))
                    if name in TO_BE_CHECKED:
                        _check(house, folder, min(size.looked_at, size.digests))
                progress.advance(task)
        progress.remove_task(task)
    return {name: _composed(first, again, size.digests) for name, (first, *again) in answers.items()}


def _full_digests(house: House, *, papers: int, count: int) -> list[int]:
    script = f"""
from tests.benchmarks import day
day.open_edition(papers={papers}, older={papers})
print(day.full_digests({count}))
"""
    ids: list[int] = json.loads(house.run("-c", SET_UP + script))
    return ids


def _composed(first: dict[str, Any], again: Sequence[dict[str, Any]], count: int) -> dict[str, Any]:
    """The first round also makes what is made once an edition: that is what it took beyond the others."""
    cpu = Spread(tuple(one["cpu"] / count * 1e6 for one in again))
    return {
        "cpu": cpu.values,
        "octets": sum(one["octets"] for one in again) / count / len(again),
        "start": first["start"],
        "once": max(0.0, first["once"] + first["cpu"] - cpu.middle * count / 1e6),
        "peak": again[-1]["peak"],
    }


def tell_composing(out: Console, composed: dict[str, Any]) -> None:
    middle = {name: Spread(tuple(one["cpu"])).middle for name, one in composed.items()}
    table(
        out,
        "Composing: a digest of 12 papers",
        ("", "CPU us a digest", "ratio", "octets a mail", "start, ms", "once an edition, ms", "peak MB"),
        [
            (
                words,
                str(Spread(tuple(composed[name]["cpu"]))),
                f"{middle['reference'] / middle[name]:.1f}",
                f"{composed[name]['octets']:,.0f}" if composed[name]["octets"] else "",
                f"{composed[name]['start'] * 1000:,.0f}",
                f"{composed[name]['once'] * 1000:,.0f}",
                f"{composed[name]['peak']:.0f}",
            )
            for name, words in ROWS.items()
        ],
    )
    tell_marks(out, [Mark("compose and MIME of one digest", middle["reference"] / middle["ours"], 15, 35)])


# --- around it -------------------------------------------------------------------------------------------------------


@contextmanager
def _house(**settings: str) -> Iterator[House]:
    """An installation of its own, with its tables."""
    with tempfile.TemporaryDirectory(prefix="broadsheet-") as folder:
        house = House.at(Path(folder), **{CORE: str(a_core())}, **SENDER, **settings)
        house.run("manage.py", "migrate", "-v0")
        yield house


def _check(house: House, folder: Path, most: int) -> None:
    """Raises NotRight unless that many mails in the folder are right."""
    with Contender("tests.benchmarks.correct", environment=house.environment) as gate:
        found = gate.ask("check", folder=str(folder), most=most)
    if found["wrong"]:
        raise NotRight(found["wrong"])


def machine() -> dict[str, Any]:
    found = Path("/proc/cpuinfo")
    models = [line.partition(": ")[2] for line in found.read_text().splitlines() if line.startswith("model name")]
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
    parser = argparse.ArgumentParser(prog="./run bench", description="How fast digests are made, beside the marks set.")
    parser.add_argument("--quick", action="store_true", help="a small day and few repeats: the figures say little")
    parser.add_argument("--papers", type=int, default=Size().papers, help="in the edition (default: 1000)")
    parser.add_argument("--repeats", type=int, default=Size().repeats, help="rounds of each contender (default: 7)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
