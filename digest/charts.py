"""Draw charts as SVG on the server, with a table: vertical bars, horizontal bars, or a count as it rose over time.

No script and no inline style: colours are classes of ``static/charts.css`` (.series-1 to .series-6), sizes are
attributes. A page with a chart links that style sheet and shows :attr:`Chart.html`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

# In units of the drawing, which scales with its page
WIDTH, HEIGHT, BOTTOM, LEFT = 560, 180, 22, 60
# For a column beside a text: letters are as large there as on a wide chart
NARROW, NARROW_LEFT = 340, 44
# Of a horizontal chart: height of a line, width of the names, letters of a name
LINE, NAMES, NAME = 24, 220, 30


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of the drawing."""

    x: float
    y: float
    width: float
    height: float
    series: int  # from 1
    says: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A label at the edge of the drawing; ``after`` means that it begins at x and does not end there."""

    x: float
    y: float
    text: str
    after: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """The values of ``chart.html``, which adds a table of the same numbers for screen readers."""

    title: str
    unit: str
    series: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]
    bars: tuple[Bar, ...]
    below: tuple[Mark, ...]
    beside: tuple[Mark, ...]
    summary: str
    width: int = WIDTH
    height: int = HEIGHT
    axis: tuple[int, int, int, int] = (LEFT, HEIGHT - BOTTOM, WIDTH, HEIGHT - BOTTOM)  # x1, y1, x2, y2

    @property
    def is_empty(self) -> bool:
        return not self.bars

    @property
    def html(self) -> SafeString:
        """Return the drawing as markup for the templates of both engines."""
        # Jinja's engine returns a plain string, which Django's templates would escape
        return SafeString(render_to_string("chart.html", {"chart": self}, using="jinja2"))


def bars(
    title: str, labels: Sequence[str], series: Mapping[str, Sequence[int]], *, unit: str, narrow: bool = False
) -> Chart:
    """Return a chart with one bar per label. ``series`` are stacked in order; each has one integer >= 0 per label."""
    wide, left, most_labels = (NARROW, NARROW_LEFT, 4) if narrow else (WIDTH, LEFT, 8)
    rows = tuple((label, tuple(int(values[place]) for values in series.values())) for place, label in enumerate(labels))
    highest = _round_up(max((sum(values) for _, values in rows), default=0))
    high = HEIGHT - BOTTOM - 8
    step = (wide - left) / max(1, len(rows))
    width = max(1.0, min(step * 0.72, 40))
    drawn = []
    for place, (label, values) in enumerate(rows):
        top = float(HEIGHT - BOTTOM)
        for number, (name, value) in enumerate(zip(series, values, strict=True), 1):
            if not value:
                continue
            tall = value / highest * high
            top -= tall
            x = left + place * step + (step - width) / 2
            drawn.append(
                Bar(round(x, 1), round(top, 1), round(width, 1), round(tall, 1), number, f"{label}: {value:,} {name}")
            )
    every = max(1, -(-len(rows) // most_labels))
    below = tuple(
        Mark(round(left + (place + 0.5) * step, 1), HEIGHT - 6, label)
        for place, (label, _) in enumerate(rows)
        if place % every == 0
    )
    return Chart(
        title, unit, tuple(series), rows, tuple(drawn), below, _levels(highest, high, left=left),
        _in_words(series, unit), width=wide, axis=(left, HEIGHT - BOTTOM, wide, HEIGHT - BOTTOM),
    )  # fmt: skip


def across(title: str, labels: Sequence[str], series: Mapping[str, Sequence[int]], *, unit: str) -> Chart:
    """Return a chart with one line per label, for names too long for :func:`bars`; the arguments are the same."""
    rows = tuple((label, tuple(int(values[place]) for values in series.values())) for place, label in enumerate(labels))
    longest = max((sum(values) for _, values in rows), default=0) or 1
    # leaves space for the sum at the end of each line
    wide = WIDTH - NAMES - 64
    height = LINE * len(rows) + 4
    drawn, beside = [], []
    for place, (label, values) in enumerate(rows):
        top, x = place * LINE + 4, float(NAMES)
        for number, (name, value) in enumerate(zip(series, values, strict=True), 1):
            if value:
                width = max(1.0, value / longest * wide)
                drawn.append(Bar(round(x, 1), top, round(width, 1), LINE - 8, number, f"{label}: {value:,} {name}"))
                x += width
        beside.append(Mark(NAMES - 8, top + 12, label if len(label) <= NAME else label[: NAME - 1] + "…"))
        beside.append(Mark(round(x + 8, 1), top + 12, f"{sum(values):,}", after=True))
    return Chart(
        title, unit, tuple(series), rows, tuple(drawn), (), tuple(beside), _in_words(series, unit), height=height,
        axis=(NAMES, 0, NAMES, height),
    )  # fmt: skip


# Of a chart over time: readings in its table, and dates below it
MOST_READINGS, DATES = 40, 3


def over_time(title: str, readings: Sequence[tuple[datetime, int]], *, until: datetime, unit: str, name: str) -> Chart:
    """Return a count >= 0 as it stood at each time: a step from each reading to the next, the last one to ``until``.

    ``readings`` are (aware time, count) in order. Of many, those are kept that show the rise: evenly spaced, the first
    and the last among them.
    """
    if len(readings) > MOST_READINGS:
        last = len(readings) - 1
        readings = [readings[place * last // (MOST_READINGS - 1)] for place in range(MOST_READINGS)]
    rows = tuple((f"{at:%-d %b %Y, %H:%M}", (int(count),)) for at, count in readings)
    if not readings:
        return Chart(title, unit, (name,), (), (), (), (), _("Nothing yet."))
    begin, end = readings[0][0], max(until, readings[-1][0])
    span = max((end - begin).total_seconds(), 1.0)
    highest = _round_up(max(count for _, count in readings))
    high = HEIGHT - BOTTOM - 8

    def x_of(at: datetime) -> float:
        return NARROW_LEFT + (at - begin).total_seconds() / span * (NARROW - NARROW_LEFT)

    ends = [at for at, _ in readings[1:]] + [end]
    drawn = tuple(
        Bar(
            round(x_of(at), 1), round(HEIGHT - BOTTOM - count / highest * high, 1),
            round(max(x_of(until_then) - x_of(at), 1.0), 1), round(count / highest * high, 1), 1, f"{label}: {count:,}",
        )
        for (at, count), until_then, (label, _) in zip(readings, ends, rows, strict=True)
        if count
    )  # fmt: skip
    summary = _("%(first)s at first, %(last)s at last.") % {
        "first": f"{readings[0][1]:,}",
        "last": f"{readings[-1][1]:,}",
    }
    return Chart(
        title, unit, (name,), rows, drawn, _dates(begin, end), _levels(highest, high, left=NARROW_LEFT), summary,
        width=NARROW, axis=(NARROW_LEFT, HEIGHT - BOTTOM, NARROW, HEIGHT - BOTTOM),
    )  # fmt: skip


def _dates(begin: datetime, end: datetime) -> tuple[Mark, ...]:
    """Return the dates below a chart over time, in its three thirds; the hours too where it is short."""
    form = "%-d %b" if (end - begin).days >= DATES else "%-d %b, %H:%M"
    step = (end - begin) / DATES
    moments = [begin + step * (place + 0.5) for place in range(DATES)]
    return tuple(
        Mark(round(NARROW_LEFT + (place + 0.5) / DATES * (NARROW - NARROW_LEFT), 1), HEIGHT - 6, f"{at:{form}}")
        for place, at in enumerate(moments)
    )


def _levels(highest: int, high: int, *, left: int = LEFT) -> tuple[Mark, ...]:
    """Return the numbers beside a drawing that is ``high`` units high: nothing, half and ``highest``."""
    return tuple(
        Mark(left - 6, round(HEIGHT - BOTTOM - part * high + 4, 1), f"{highest * part:,.0f}") for part in (0, 0.5, 1)
    )


def _round_up(highest: int) -> int:
    """Round up to one of 2, 4, 6, 8, 10, 20, 40 ..., so that half of it is a whole number."""
    size = 1
    while True:
        for step in (2, 4, 6, 8, 10):
            if highest <= step * size:
                return step * size
        size *= 10


def _in_words(series: Mapping[str, Sequence[int]], unit: str) -> str:
    """Return the description of the drawing for screen readers."""
    sums = "; ".join(f"{name}: {sum(map(int, values)):,}" for name, values in series.items())
    return _("%(unit)s in all: %(sums)s.") % {"unit": unit, "sums": sums} if sums else _("Nothing yet.")


SMALL_WIDTH, SMALL_HEIGHT = 196, 36


@dataclass(frozen=True, slots=True)
class SmallChart:
    """The values of ``dashboard/small_chart.html``: one path per series, since a list may have dozens of charts."""

    title: str
    summary: str
    paths: tuple[tuple[int, str], ...]  # number of the series, from 1, and its bars
    width: int = SMALL_WIDTH
    height: int = SMALL_HEIGHT


def small(title: str, labels: Sequence[str], series: Mapping[str, Sequence[int]], *, unit: str) -> SmallChart:
    """Return bars without labels for a line of a list; the page must show the numbers elsewhere."""
    highest = max((sum(values) for values in zip(*series.values(), strict=True)), default=0) or 1
    step, tops = SMALL_WIDTH / max(1, len(labels)), [float(SMALL_HEIGHT - 1)] * len(labels)
    paths = []
    for number, values in enumerate(series.values(), 1):
        drawn = []
        for place, value in enumerate(values):
            if value:
                tall = max(1.5, value / highest * (SMALL_HEIGHT - 4))
                tops[place] -= tall
                drawn.append(f"M{place * step:.1f} {tops[place]:.1f}h{step * 0.78:.1f}v{tall:.1f}h-{step * 0.78:.1f}z")
        if drawn:
            paths.append((number, "".join(drawn)))
    return SmallChart(title, _in_words(series, unit), tuple(paths))
