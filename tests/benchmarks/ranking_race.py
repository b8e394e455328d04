"""Let this tree and an earlier one rank the same readers in turns, for ``./run bench ranking --cost``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.benchmarks.command_line import progress
from tests.benchmarks.contenders import Contender
from tests.benchmarks.ground import installation
from tests.benchmarks.ranking_cost import LIKES, ROUNDS, SIZE
from tests.benchmarks.report import Mark, table, tell_marks
from tests.benchmarks.revision import laid_out

MODULE, NAMES = "tests.benchmarks.ranking_cost", "tests.benchmarks.names_today"
ACCEPTED, GOAL = 0.1, 0.06  # CPU seconds with 15 likes
# the same over the .19 to .22 seconds that 5de826d took where these marks were set
ACCEPTED_RATIO, GOAL_RATIO = 2.05, 3.4


def compare(out: Console, folder: Path, against: str) -> dict[str, Any]:
    """Print what ranking costs here and, unless it is empty, at the revision ``against``; return the figures.

    Raises Refused where that revision cannot be laid out.
    """
    found: dict[str, dict[str, float]] = {}
    with ExitStack() as stack:
        bar = stack.enter_context(progress())
        doing = bar.add_task("Ranking", total=None)
        place = stack.enter_context(installation())
        ours = Contender(MODULE, NAMES, str(folder), environment=place.environment)
        contenders = {"now": stack.enter_context(ours)}
        if against:
            bar.update(doing, description=f"Ranking: laying out {against}")
            earlier = stack.enter_context(laid_out(against))
            there = stack.enter_context(installation(python=earlier.python, root=earlier.root))
            old = Contender(
                *(MODULE, earlier.names, str(folder)),
                environment=there.environment,
                python=earlier.python,
                root=earlier.root,
            )
            contenders[earlier.name] = stack.enter_context(old)
        bar.update(doing, total=len(LIKES) * len(contenders))
        for likes in LIKES:
            for name, contender in contenders.items():
                bar.update(doing, description=f"Ranking: {likes}, {name}")
                found.setdefault(likes, {})[name] = contender.ask("cost", likes=likes)["cpu"]
                bar.advance(doing)
    rows = [(likes, *(f"{costs[name]:.3f}" for name in contenders)) for likes, costs in found.items()]
    table(out, f"CPU s to rank, least of {ROUNDS}", (f"{SIZE:,} readers x {SIZE:,} papers", *contenders), rows)
    of_15 = found["15 likes"]
    marks = [Mark("rank readers with 15 likes", of_15["now"], ACCEPTED, GOAL, "s", least=False)]
    marks += [
        Mark(f"the same, times less than {name}", cpu / of_15["now"], ACCEPTED_RATIO, GOAL_RATIO)
        for name, cpu in of_15.items()
        if name != "now"
    ]
    tell_marks(out, marks)
    return {"cpu": found, "marks": [mark.as_json() for mark in marks]}
