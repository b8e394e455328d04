"""Days, ISO weeks and months: their addresses, names and neighbours."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from django.utils.translation import gettext as _

Kind = Literal["day", "week", "month"]
_FORMS: dict[str, Kind] = {r"\d{4}-\d\d-\d\d": "day", r"\d{4}-W\d\d": "week", r"\d{4}-\d\d": "month"}


@dataclass(frozen=True, slots=True)
class Period:
    """A day, a week from Monday to Sunday, or a month; ``first`` and ``last`` are its days."""

    kind: Kind
    first: date
    last: date

    @classmethod
    def around(cls, day: date, kind: Kind) -> Period:
        """Return the day itself, or the week or month that it is in. Raises OverflowError at the ends of time."""
        if kind == "week":
            first = day - timedelta(days=day.weekday())
            return cls(kind, first, first + timedelta(days=6))
        if kind == "month":
            return cls(kind, day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1]))
        return cls(kind, day, day)

    @classmethod
    def named(cls, name: str) -> Period:
        """Return the period of ``2026-03-02``, ``2026-W10`` or ``2026-03``; raises ValueError for any other name."""
        kind = next((kind for form, kind in _FORMS.items() if re.fullmatch(form, name, re.A)), None)
        try:
            if kind == "week":
                return cls.around(date.fromisocalendar(int(name[:4]), int(name[6:]), 1), kind)
            if kind:
                return cls.around(date.fromisoformat(name if kind == "day" else f"{name}-01"), kind)
        except OverflowError:
            pass
        raise ValueError(f"no day, week or month: {name[:20]!r}")

    @property
    def name(self) -> str:
        """Return the name in its address."""
        if self.kind == "week":
            year, week, _day = self.first.isocalendar()
            return f"{year:04}-W{week:02}"
        return self.first.isoformat()[: 10 if self.kind == "day" else 7]

    @property
    def path(self) -> str:
        return f"/{self.name}"

    @property
    def title(self) -> str:
        """Return it in words: ``Monday, 2 March 2026``, ``2 to 8 March 2026``, ``March 2026``."""
        first, last = self.first, self.last
        if self.kind == "month":
            return f"{first:%B} {first.year}"
        if self.kind == "day":
            return f"{first:%A}, {first.day} {first:%B} {first.year}"
        year = f" {first.year}" if first.year != last.year else ""
        month = f" {first:%B}" if (first.year, first.month) != (last.year, last.month) else ""
        values = {"first": f"{first.day}{month}{year}", "last": f"{last.day} {last:%B} {last.year}"}
        return _("%(first)s to %(last)s") % values

    @property
    def short(self) -> str:
        """Return it as a link beside another says it: ``Mon 2 Mar``, ``Week 10``, ``March 2026``."""
        if self.kind == "week":
            return _("Week %(number)s") % {"number": self.first.isocalendar().week}
        return self.title if self.kind == "month" else f"{self.first:%a} {self.first.day} {self.first:%b}"

    def of_kind(self, kind: Kind, *, latest: date) -> Period:
        """Return the period of another kind that shows the same days: of several days the last, at most ``latest``."""
        return Period.around(max(self.first, min(self.last, latest)), kind)
