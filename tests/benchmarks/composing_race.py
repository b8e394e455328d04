"""Composing: our prepared path against a full render and Django's message, and the parts of both."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from rich.console import Console
from rich.progress import Progress

from tests.benchmarks.contenders import Contender
from tests.benchmarks.ground import Size, check, fill, installation
from tests.benchmarks.report import Mark, Spread, table

ROWS = {  # in the order printed
    "ours": "prepared: row to octets",
    "compose": "  of it: compose",
    "join": "  of it: join",
    "encode": "  of it: encode",
    "reference": "full render and Django: row to octets",
    "jinja": "  of it: Jinja2",
    "django": "  of it: Django's message",
}
TO_BE_CHECKED = {"ours": "check", "reference": "check_words"}
SLOW = ("reference", "jinja", "django")
FIRST = 4  # times as many digests in the first round: they hold nearly all papers, which are prepared once


def race(size: Size, progress: Progress) -> dict[str, Any]:
    """By contender: CPU microseconds a digest in each round, octets a mail, seconds once, peak memory in MB.

    Raises NotRight.
    """
    rounds = size.repeats + 1
    with installation() as place, ExitStack() as stack:
        task = progress.add_task("Composing: making a day and its deliveries", total=None)
        first = FIRST * size.digests
        count = first + size.repeats * size.digests
        script = f"day.create_edition(papers={size.papers}, older={size.papers})\nprint(day.full_digests({count}))"
        ids: list[int] = json.loads(fill(place, script))
        progress.update(task, description="Composing", total=rounds * len(ROWS), completed=0)
        contenders = {
            name: stack.enter_context(Contender("tests.benchmarks.composing", name, environment=place.environment))
            for name in ROWS
        }
        answers: dict[str, list[dict[str, Any]]] = {name: [] for name in ROWS}
        for round_ in range(rounds):
            start = first + (round_ - 1) * size.digests
            some = ids[start : start + size.digests] if round_ else ids[:first]
            for name, contender in contenders.items():
                enough = some[: size.slow_digests] if name in SLOW else some
                if round_:
                    answers[name].append(contender.ask("again", ids=enough))
                elif name in TO_BE_CHECKED:
                    folder = place.var / name
                    folder.mkdir()
                    answers[name].append(contender.ask("first", ids=some, folder=str(folder)))
                    check(place, folder, min(size.looked_at, size.digests), by=TO_BE_CHECKED[name])
                else:
                    answers[name].append(contender.ask("first", ids=enough))
                progress.advance(task)
        progress.remove_task(task)
    return {name: _added_up(first, again) for name, (first, *again) in answers.items()}


def _added_up(first: dict[str, Any], again: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The first round also makes what is made once an edition: that is what it took beyond the others."""
    cpu = Spread(tuple(one["cpu"] / one["mails"] * 1e6 for one in again))
    return {
        "cpu": cpu.values,
        "octets": sum(one["octets"] for one in again) / sum(one["mails"] for one in again),
        "start": first["start"],
        "once": max(0.0, first["once"] + first["cpu"] - cpu.middle * first["mails"] / 1e6),
        "peak": again[-1]["peak"],
    }


def tell(out: Console, found: dict[str, Any]) -> list[Mark]:
    """Print the table; what it comes to."""
    middle = {name: Spread(tuple(one["cpu"])).middle for name, one in found.items()}
    table(
        out,
        "Composing: a digest of 12 papers",
        ("", "CPU us a digest", "ratio", "octets a mail", "start, ms", "once an edition, ms", "peak MB"),
        [
            (
                words,
                str(Spread(tuple(found[name]["cpu"]))),
                f"{middle['reference'] / middle[name]:.1f}",
                f"{found[name]['octets']:,.0f}" if found[name]["octets"] else "",
                f"{found[name]['start'] * 1000:,.0f}",
                f"{found[name]['once'] * 1000:,.0f}",
                f"{found[name]['peak']:.0f}",
            )
            for name, words in ROWS.items()
        ],
    )
    return [
        Mark("row to octets", middle["ours"], 120, 90, "us", least=False),
        Mark("compose and MIME of one digest, less CPU", middle["reference"] / middle["ours"], 15, 35),
    ]
