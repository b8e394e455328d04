"""The tables of ``./run bench``: figures beside the marks that were set for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Spread:
    """What several repeats gave."""

    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        return median(self.values)

    def __str__(self) -> str:
        return f"{self.middle:,.0f} ({min(self.values):,.0f}-{max(self.values):,.0f})"


@dataclass(frozen=True, slots=True)
class Mark:
    """A figure, what is accepted, and the goal; ``least`` says that more is better."""

    figure: str
    measured: float
    accepted: float
    goal: float | None
    unit: str = "x"
    least: bool = True

    @property
    def verdict(self) -> str:
        def reached(mark: float) -> bool:
            return self.measured >= mark if self.least else self.measured <= mark

        if self.goal is not None and reached(self.goal):
            return "goal reached"
        return "accepted" if reached(self.accepted) else "missed"

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"verdict": self.verdict}


def table(out: Console, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The first column is a name, the others are figures."""
    shown = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(columns):
        shown.add_column(name, justify="right" if place else "left", no_wrap=not place)
    for row in rows:
        shown.add_row(*row)
    out.print()
    out.print(shown)


def tell_marks(out: Console, marks: Sequence[Mark]) -> None:
    rows = [
        (
            mark.figure,
            *("" if one is None else f"{one:,.4g} {mark.unit}" for one in (mark.measured, mark.accepted, mark.goal)),
            mark.verdict,
        )
        for mark in marks
    ]
    table(out, "Against the marks", ("figure", "measured", "accepted from", "goal", ""), rows)
