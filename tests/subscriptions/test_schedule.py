from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from subscriptions.models import WEEKDAYS_ALL, WEEKDAYS_WORKING
from subscriptions.schedule import instant, local_date, next_send_at, rhythm_in_words, zone_of


def test_seven_o_clock_stays_seven_o_clock_when_the_clocks_change() -> None:
    saturday, sunday = date(2026, 3, 28), date(2026, 3, 29)
    assert instant(saturday, 7, "Europe/Berlin") == datetime(2026, 3, 28, 6, tzinfo=UTC)
    assert instant(sunday, 7, "Europe/Berlin") == datetime(2026, 3, 29, 5, tzinfo=UTC)


def test_the_next_digest_is_on_the_readers_next_weekday() -> None:
    friday_morning = datetime(2026, 3, 6, 6, tzinfo=UTC)
    due = next_send_at(
        after=date(2026, 3, 6), now=friday_morning, hour=7, weekdays=WEEKDAYS_WORKING, zone="Europe/Berlin"
    )
    assert due == datetime(2026, 3, 9, 6, tzinfo=UTC)


def test_two_digests_are_at_least_twelve_hours_apart() -> None:
    evening = datetime(2026, 3, 2, 22, tzinfo=UTC)
    due = next_send_at(after=date(2026, 3, 2), now=evening, hour=7, weekdays=WEEKDAYS_ALL, zone="UTC")
    assert due == datetime(2026, 3, 4, 7, tzinfo=UTC)


def test_without_weekdays_nothing_is_ever_due() -> None:
    assert next_send_at(after=date(2026, 3, 2), now=datetime.now(UTC), hour=7, weekdays=0, zone="UTC") is None


def test_a_zone_that_is_no_more_counts_as_utc() -> None:
    assert zone_of("Mars/Olympus").key == "UTC"
    assert zone_of("../../etc/passwd").key == "UTC"
    assert local_date("Pacific/Auckland", datetime(2026, 3, 2, 12, tzinfo=UTC)) == date(2026, 3, 3)


@pytest.mark.parametrize(
    ("weekdays", "words"),
    [
        (0b1111111, "every day at 07:00"),
        (0b0011111, "on weekdays at 07:00"),
        (0b0000001, "on Mondays at 07:00"),
        (0b1100000, "on Saturdays and Sundays at 07:00"),
        (0b0010101, "on Mondays, Wednesdays and Fridays at 07:00"),
        (0, ""),
    ],
)
def test_a_rhythm_is_said_in_words(weekdays: int, words: str) -> None:
    assert rhythm_in_words(weekdays=weekdays, hour=7) == words


def test_every_rhythm_fits_into_a_sentence() -> None:
    assert max(len(rhythm_in_words(weekdays=weekdays, hour=20)) for weekdays in range(128)) <= 80
