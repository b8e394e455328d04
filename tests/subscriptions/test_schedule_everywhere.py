"""The reader's hour in every zone there is, from 2026 to 2028.

Zones whose clocks go alike in these years are walked once for all of them: some 60 kinds of clock stand for 600 names.
All days are walked at three hours; near a change of the clocks, where alone hours can differ, at all of them.
``pytest -rP`` shows the counts.
"""

from __future__ import annotations

import zoneinfo
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from subscriptions.models import WEEKDAYS_ALL
from subscriptions.schedule import instant, next_send_at

ALLOWED = range(4, 21)  # the hours a reader can choose
EVE, LAST = date(2025, 12, 31), date(2028, 12, 31)
DAYS = (LAST - EVE).days
HALF_A_DAY, DAY = timedelta(hours=12), timedelta(days=1)


class Change(NamedTuple):
    """From this moment on a clock shows UTC and ``offset``."""

    since: datetime
    offset: timedelta


class Clock(NamedTuple):
    """What the clocks of these zones do in these years."""

    zones: tuple[str, ...]
    changes: tuple[Change, ...]  # the first is the state before the first day


@pytest.fixture(scope="module")
def clocks() -> list[Clock]:
    zones = defaultdict(list)
    for name in sorted(zoneinfo.available_timezones()):
        zones[changes_of(ZoneInfo(name))].append(name)
    return [Clock(tuple(names), changes) for changes, names in zones.items()]


def changes_of(zone: ZoneInfo) -> tuple[Change, ...]:
    def offset_at(moment: datetime) -> timedelta:
        offset = moment.astimezone(zone).utcoffset()
        assert offset is not None
        return offset

    start = datetime.combine(EVE, time(), UTC) - 5 * DAY
    found = [Change(start, offset_at(start))]
    for day in range(DAYS + 10):
        until = start + (day + 1) * DAY
        if offset_at(until) != found[-1].offset:
            before, after = until - DAY, until
            while after - before > timedelta(seconds=1):
                middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
                before, after = (middle, after) if offset_at(middle) == found[-1].offset else (before, middle)
            found.append(Change(after, offset_at(after)))
    return tuple(found)


def first_moment(wall: datetime, changes: tuple[Change, ...]) -> datetime:
    """When a clock first shows this time or a later one, worked out from its changes alone."""
    moment = wall.replace(tzinfo=UTC)
    ends = [change.since for change in changes[1:]] + [datetime.max.replace(tzinfo=UTC)]
    shown = (max(moment - change.offset, change.since) for change in changes)
    return next(at for at, end in zip(shown, ends, strict=True) if at < end)


def days_around_changes(clock: Clock) -> Iterator[date]:
    around = {change.since.date() + n * DAY for change in clock.changes[1:] for n in range(-2, 3)}
    return iter(sorted(day for day in around if EVE < day <= LAST))


@pytest.mark.parametrize("hour", [ALLOWED[0], 7, ALLOWED[-1]])
def test_every_local_day_of_three_years_has_one_digest_at_its_hour_wherever_a_reader_lives(
    hour: int, clocks: list[Clock]
) -> None:
    digests = zones = 0
    closest = timedelta.max
    for clock in clocks:
        zone, name = ZoneInfo(clock.zones[0]), clock.zones[0]
        day, now = EVE, instant(EVE, hour, name)
        while day < LAST:
            due = next_send_at(after=day, now=now, hour=hour, weekdays=WEEKDAYS_ALL, zone=name)
            assert due is not None
            local = due.astimezone(zone)
            assert (local.date(), local.time()) == (day + DAY, time(hour)), f"{name}: {local} follows {day}"
            assert due - now >= HALF_A_DAY, f"{name}: {now} and {due}"
            closest = min(closest, due - now)
            day, now = local.date(), due
            digests += len(clock.zones)
        zones += len(clock.zones)
    counts = f"{zones} zones, {len(clocks)} clocks, {digests} digests, the closest two {closest} apart"
    print(counts)
    assert zones == len(zoneinfo.available_timezones()), counts
    assert digests == zones * DAYS, counts
    assert closest >= timedelta(hours=21), counts


def test_near_every_change_of_a_clock_all_allowed_hours_keep_their_day_and_their_distance(clocks: list[Clock]) -> None:
    instants = changes = 0
    for clock in clocks:
        zone, name = ZoneInfo(clock.zones[0]), clock.zones[0]
        changes += len(clock.changes) - 1
        for day in days_around_changes(clock):
            for hour in ALLOWED:
                at = instant(day, hour, name)
                assert at.astimezone(zone).replace(tzinfo=None) == datetime.combine(day, time(hour)), f"{name} {at}"
                following = next_send_at(after=day, now=at, hour=hour, weekdays=WEEKDAYS_ALL, zone=name)
                assert following == instant(day + DAY, hour, name), f"{name}: {following} follows {at}"
                instants += 1
            evening = instant(day, ALLOWED[-1], name)
            moved = next_send_at(after=day, now=evening, hour=ALLOWED[0], weekdays=WEEKDAYS_ALL, zone=name)
            assert moved == instant(day + 2 * DAY, ALLOWED[0], name), f"{name}: from evening to morning on {day}"
    counts = f"{len(clocks)} clocks, {changes} changes, {instants} instants"
    print(counts)
    assert changes > 100, counts
    assert instants > 10_000, counts


def test_at_any_hour_a_gap_gives_the_first_instant_after_it_and_a_fold_the_first_of_two(clocks: list[Clock]) -> None:
    gaps = folds = 0
    for clock in clocks:
        zone, name = ZoneInfo(clock.zones[0]), clock.zones[0]
        for day in days_around_changes(clock):
            for hour in range(24):
                wall = datetime.combine(day, time(hour))
                at = instant(day, hour, name)
                assert at == first_moment(wall, clock.changes), f"{name}: {wall} gives {at}"
                gaps += at.astimezone(zone).replace(tzinfo=None) > wall
                folds += wall.replace(tzinfo=zone).utcoffset() > wall.replace(tzinfo=zone, fold=1).utcoffset()
    counts = f"{gaps} gaps and {folds} folds in {len(clocks)} clocks"
    print(counts)
    assert gaps > 50, counts
    assert folds > 50, counts


def test_gaps_and_folds_of_allowed_hours_do_not_exist(clocks: list[Clock]) -> None:
    for clock in clocks:
        for before, change in pairwise(clock.changes):
            skipped = sorted((change.since + before.offset, change.since + change.offset))
            first, last = skipped[0], skipped[1] - timedelta(seconds=1)
            assert first.date() != last.date() or not {first.hour, last.hour} & set(ALLOWED), f"{clock.zones}: {change}"


@pytest.mark.parametrize(
    ("zone", "day", "hour", "expected"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 2, datetime(2026, 3, 29, 1, tzinfo=UTC)),  # gap 02:00 to 03:00
        ("Pacific/Chatham", date(2026, 9, 27), 3, datetime(2026, 9, 26, 14, tzinfo=UTC)),  # gap 02:45 to 03:45
        ("Antarctica/Troll", date(2026, 3, 29), 2, datetime(2026, 3, 29, 1, tzinfo=UTC)),  # gap 01:00 to 03:00
        ("Australia/Lord_Howe", date(2026, 10, 4), 2, datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),  # half an hour
        ("Africa/Cairo", date(2026, 4, 24), 0, datetime(2026, 4, 23, 22, tzinfo=UTC)),  # gap at midnight
        ("America/New_York", date(2026, 11, 1), 1, datetime(2026, 11, 1, 5, tzinfo=UTC)),  # fold
        ("America/Havana", date(2026, 11, 1), 0, datetime(2026, 11, 1, 4, tzinfo=UTC)),  # fold at midnight
        ("Pacific/Apia", date(2011, 12, 30), 7, datetime(2011, 12, 30, 10, tzinfo=UTC)),  # a day that never was
    ],
)
def test_some_gaps_and_folds_by_name(zone: str, day: date, hour: int, expected: datetime) -> None:
    assert instant(day, hour, zone) == expected
