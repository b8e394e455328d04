"""Report the state of each source, the reason, and its papers by day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from digest.ingest import arxiv_calendar
from digest.ingest.parsers import arxiv_rss
from digest.ingest.sources.advice import advice_for, explain
from digest.models import Edition, Source
from digest.source_errors import ErrorKind

OVERDUE = timedelta(hours=2)  # after its time, a source that nobody asked says that no worker runs


class State(StrEnum):
    """States of a source, in the order of the attention that they need."""

    FAILING = "failing"
    WAITING = "waiting"
    WELL = "well"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Counts of a source for one day's edition; ``expected`` is None where it states no total, or was not asked."""

    date: date
    stored: int = 0
    expected: int | None = None
    why: str = ""

    @property
    def missing(self) -> int:
        return max(0, (self.expected or 0) - self.stored)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """A source as it stands: ``why`` and ``advice`` are sentences, empty where all is well."""

    source: Source
    state: State
    why: str
    advice: str
    days: Sequence[Day]  # oldest first

    @property
    def by_hand(self) -> bool:
        """Return whether it is a file that an operator gave, which cannot be fetched."""
        return is_by_hand(self.source)


def is_by_hand(source: Source) -> bool:
    return source.url.startswith("file:")


def health_of(sources: Iterable[Source], *, now: datetime, today: date, days: int) -> list[SourceHealth]:
    """Return the reports of these sources, those with problems first; one query, for the editions of these days.

    ``today`` is the last of the days: the newest edition's, where days are given.
    """
    receipts = _receipts(today, days)
    found = [_health(source, receipts, now=now, today=today) for source in sources]
    return sorted(found, key=lambda one: (list(State).index(one.state), one.source.name.casefold()))


def _receipts(today: date, days: int) -> dict[date, Sequence[dict[str, Any]]]:
    first = today - timedelta(days=days - 1)
    kept = dict(Edition.objects.filter(date__range=(first, today)).values_list("date", "completeness"))
    return {day: kept.get(day, ()) for day in (first + timedelta(days=ahead) for ahead in range(days))}


def _health(
    source: Source, receipts: dict[date, Sequence[dict[str, Any]]], *, now: datetime, today: date
) -> SourceHealth:
    state, why = _state(source, now=now, today=today)
    days = [_day(source, day, rows) for day, rows in receipts.items()]
    advice = advice_for(source.last_error_kind or ErrorKind.OTHER) if state is State.FAILING else ""
    return SourceHealth(source=source, state=state, why=why, advice=advice, days=days)


def _day(source: Source, day: date, rows: Sequence[dict[str, Any]]) -> Day:
    mine = next((row for row in rows if _is_of(row, source)), None)
    if mine is None:
        return Day(date=day)
    return Day(date=day, stored=mine["stored"], expected=mine["expected"], why=mine["why"])


def _is_of(row: dict[str, Any], source: Source) -> bool:
    """Return the row of a source; older editions name the source only."""
    return bool(row["id"] == source.pk if "id" in row else row["source"] == source.name)


def _state(source: Source, *, now: datetime, today: date) -> tuple[State, str]:
    if not source.active:
        return State.OFF, "Given by hand, as a file." if is_by_hand(source) else "Switched off."
    if source.failures:
        return State.FAILING, explain(source.last_error_kind or ErrorKind.OTHER, detail=source.last_error)
    if source.last_error_kind:
        return State.WAITING, explain(source.last_error_kind, detail=source.last_error)
    if not source.last_success_at:
        return State.WAITING, "It has not been read yet."
    if source.next_check_at and source.next_check_at < now - OVERDUE:
        return State.WAITING, "Its next check is overdue: is the worker running?"
    if _waits_for_today(source, now=now, today=today):
        return State.WAITING, "It does not show today’s papers yet."
    return State.WELL, ""


def _waits_for_today(source: Source, *, now: datetime, today: date) -> bool:
    """Return whether arXiv announces that day, should have by now, and this feed has not changed yet."""
    if source.kind != arxiv_rss.KIND or arxiv_calendar.why_none(today) or now < arxiv_calendar.polling_begins(today):
        return False
    return (source.last_reading.get("announced_on") or "") < today.isoformat()
