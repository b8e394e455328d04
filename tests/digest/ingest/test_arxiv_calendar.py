from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from digest.ingest import arxiv_calendar
from digest.ingest.arxiv_calendar import (
    announces,
    deadline,
    last_announced_day,
    polling_begins,
    submitted_within,
    why_none,
)

EASTERN = ZoneInfo("America/New_York")


def days_of(year: int) -> list[date]:
    first = date(year, 1, 1)
    return [first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days)]


def empty_weekdays(year: int) -> set[str]:
    return {f"{day:%m-%d}" for day in days_of(year) if day.weekday() < 5 and not announces(day)}


def eastern(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=EASTERN)


def test_feeds_are_empty_at_weekends_and_say_why() -> None:
    saturday, sunday, monday = (date(2026, 3, day) for day in (7, 8, 9))
    assert [why_none(day) for day in (saturday, sunday, monday)] == [arxiv_calendar.WEEKEND, arxiv_calendar.WEEKEND, ""]


def test_a_day_without_mail_empties_the_feed_of_the_first_weekday_after_it() -> None:
    assert empty_weekdays(2026) == {"01-02", "01-20", "06-22", "07-06", "09-08", "11-27", "12-28", "12-30"}
    assert why_none(date(2026, 11, 27)) == arxiv_calendar.HOLIDAY


@pytest.mark.parametrize("day", ["01-01", "01-19", "06-19", "06-23", "06-29", "07-03", "07-07"])
def test_the_feeds_that_are_known_to_have_come_out_in_2026_were_expected(day: str) -> None:
    assert announces(date.fromisoformat(f"2026-{day}"))


@pytest.mark.parametrize("day", ["06-22", "07-06"])
def test_the_mondays_after_a_friday_holiday_are_known_to_have_been_empty(day: str) -> None:
    assert why_none(date.fromisoformat(f"2026-{day}")) == arxiv_calendar.HOLIDAY


def test_the_last_day_of_the_year_counts_for_the_first_feed_of_the_next() -> None:
    assert why_none(date(2027, 1, 1)) == arxiv_calendar.HOLIDAY  # 31 December 2026 is listed
    assert why_none(date(2027, 1, 4)) == arxiv_calendar.HOLIDAY  # New Year's Day, by rule


def test_in_a_year_without_a_list_the_holidays_that_arxiv_always_keeps_are_expected() -> None:
    assert empty_weekdays(2025) == {"01-02", "01-21", "06-20", "07-07", "09-02", "11-28", "12-26"}
    # 19 June and Christmas are Saturdays in 2027, 4 July a Sunday
    assert empty_weekdays(2027) == {"01-01", "01-04", "01-19", "06-21", "07-06", "09-07", "11-26", "12-27"}


def test_the_rules_agree_with_the_list_of_2026_up_to_the_two_days_that_only_the_list_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed = empty_weekdays(2026)
    monkeypatch.setattr(arxiv_calendar, "_LISTED", {})
    arxiv_calendar._no_mail.cache_clear()
    by_rule = empty_weekdays(2026)
    arxiv_calendar._no_mail.cache_clear()
    assert listed - by_rule == {"12-30"}  # and 31 December, for the first feed of 2027
    assert by_rule <= listed


def test_the_last_announced_day_lies_before_weekends_and_holidays() -> None:
    assert last_announced_day(before=date(2026, 3, 10)) == date(2026, 3, 9)
    assert last_announced_day(before=date(2026, 3, 9)) == date(2026, 3, 6)
    assert last_announced_day(before=date(2026, 6, 23)) == date(2026, 6, 19)
    assert last_announced_day(before=date(2027, 1, 5)) == date(2026, 12, 31)


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [
        (date(2026, 3, 3), eastern(2026, 2, 27, 14), eastern(2026, 3, 2, 14)),  # Tuesday: Friday to Monday
        (date(2026, 3, 4), eastern(2026, 3, 2, 14), eastern(2026, 3, 3, 14)),
        (date(2026, 3, 6), eastern(2026, 3, 4, 14), eastern(2026, 3, 5, 14)),
        (date(2026, 3, 2), eastern(2026, 2, 26, 14), eastern(2026, 2, 27, 14)),  # Monday: Thursday to Friday
        (date(2026, 6, 23), eastern(2026, 6, 18, 14), eastern(2026, 6, 22, 14)),  # over a holiday on a Friday
        (date(2026, 1, 21), eastern(2026, 1, 16, 14), eastern(2026, 1, 20, 14)),  # over one on a Monday
    ],
)
def test_a_feed_carries_what_was_submitted_between_two_closings(day: date, first: datetime, last: datetime) -> None:
    assert submitted_within(day) == (first, last)


@pytest.mark.parametrize("day", [date(2026, 3, 7), date(2026, 6, 22)])
def test_a_day_without_an_announcement_has_no_submissions_of_its_own(day: date) -> None:
    with pytest.raises(ValueError, match="Nothing was announced"):
        submitted_within(day)


def test_every_moment_of_three_years_belongs_to_exactly_one_feed() -> None:
    windows = [submitted_within(day) for year in (2026, 2027, 2028) for day in days_of(year) if announces(day)]
    assert len(windows) > 740
    assert all(before[1] == after[0] for before, after in pairwise(windows))
    assert all(first < last for first, last in windows)


def test_polling_begins_on_the_utc_day_of_the_edition_whatever_the_clocks_in_new_york_do() -> None:
    assert polling_begins(date(2026, 7, 1)) == datetime(2026, 7, 1, 4, 5, tzinfo=UTC)
    assert polling_begins(date(2026, 1, 5)) == datetime(2026, 1, 5, 5, 5, tzinfo=UTC)
    for year in (2026, 2027, 2028):
        for day in days_of(year):
            begins = polling_begins(day)
            assert begins.utcoffset() == timedelta(0)
            assert begins.date() == day == begins.astimezone(EASTERN).date()
            assert begins.astimezone(EASTERN).strftime("%H:%M") == "00:05"
            assert timedelta(hours=1) < deadline(day) - begins < timedelta(hours=3)


def test_the_deadline_is_half_past_six_utc() -> None:
    assert deadline(date(2026, 3, 8)) == datetime(2026, 3, 8, 6, 30, tzinfo=UTC)
