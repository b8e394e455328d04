"""Dates in the forms of publishers: what is given and no more, whatever the day on which they are read."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.ingest.entry import Entry
from digest.ingest.parsers import Feed
from digest.ingest.parsers.dates import date_of, moment_of, not_ahead


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2026-08-03", "2026-08-03"),
        ("2026/8/3 15:07:41", "2026-08-03"),
        ("2026.08.03", "2026-08-03"),
        ("20260803", "2026-08-03"),
        ("2026 Aug 3", "2026-08-03"),
        ("3 August 2026", "2026-08-03"),
        ("03-Aug-2026", "2026-08-03"),
        ("August 3rd, 2026", "2026-08-03"),
        ("Mon Aug 03, 2026", "2026-08-03"),
        ("Mon Aug  3 15:07:41 2026", "2026-08-03"),
        ("Mon, 03 Aug 2026 04:40:42 PDT", "2026-08-03"),
        ("Mon, 3 Aug 26 10:00:00 GMT", "2026-08-03"),
        ("Mon, 03 Aug 2026 21:15:00 -0700", "2026-08-04"),
        ("2026-08-03T23:30:00-02:00", "2026-08-04"),
        ("2026-08-03T99:00:00Z", "2026-08-03"),
        ("13/08/2026", "2026-08-13"),
        ("3.8.2026", "2026-08-03"),
        ("3. August 2026", "2026-08-03"),
        ("2026-08-03Z", "2026-08-03"),
        ("2026-08-03+02:00", "2026-08-03"),
        ("2026–08–03", "2026-08-03"),
        ("2026年8月3日", "2026-08-03"),
        ("Available online 3 August 2026", "2026-08-03"),
        ("8/2026", "2026-08"),
        ("2026 Jul-Aug", "2026"),
        ("Q3 2026", "2026"),
        ("2026-11", "2026-11"),
        ("2026/11", "2026-11"),
        ("2026-11-00", "2026-11"),
        ("November 2026", "2026-11"),
        ("2026 Nov", "2026-11"),
        ("2026", "2026"),
        ("2026-00-00", "2026"),
        ("Jul-Aug 2026", "2026"),
        ("Spring 2026", "2026"),
        ("03/08/2026", "2026"),
        *(
            (text, "")
            for text in ("2026-02-30", "0000-00-00", "2026-W32", "in spring", "1785751200", "9999-01-01", "8")
        ),
    ],
)
def test_a_date_is_as_exact_as_it_was_written(written: str, day: str) -> None:
    notes: list[str] = []
    given = date_of(written, notes)
    shown = given.at.date().isoformat()[: {"day": 10, "month": 7, "year": 4}[given.precision]] if given else ""
    assert (shown, bool(notes)) == (day, not day)
    assert (moment_of(written, []) is not None) == (len(day) == 10)


def test_what_is_not_given_is_no_wrong_date() -> None:
    notes: list[str] = []
    assert [date_of(nothing, notes) for nothing in ("", " ", None, 7)] == [None] * 4
    assert notes == []


@settings(derandomize=True, deadline=None, database=None)
@given(st.text(alphabet="0123456789-/.:, TZaugpmonst+", max_size=40) | st.text(max_size=40))
def test_any_text_gives_an_aware_moment_in_utc_or_a_note(text: str) -> None:
    notes: list[str] = []
    given = date_of(text, notes)
    assert given is None or given.at.tzinfo is UTC
    assert (given is not None) + bool(notes) == bool(text.strip("\x00 \t\r\n")) or not text.isprintable()


def test_nothing_later_than_tomorrow_is_kept() -> None:
    now = datetime(2026, 8, 3, 12, tzinfo=UTC)
    days = [date(2026, 8, 3), date(2026, 8, 4), date(2026, 8, 5), date(2026, 12, 1)]
    entries = tuple(
        Entry(
            identifiers=(f"url:bees.example/{day}",),
            title="Bees",
            published=datetime(day.year, day.month, day.day, tzinfo=UTC),
            announced_on=day,
        )
        for day in days
    )
    shown = not_ahead(Feed(kind="journal", name="", url="", entries=entries, announced_on=days[-1]), now)
    assert [entry.announced_on for entry in shown.entries] == [*days[:2], None, None]
    assert [entry.published and entry.published.date() for entry in shown.entries] == [*days[:2], None, None]
    assert (shown.announced_on, shown.notes) == (days[1], ("dates later than tomorrow were left out",))
