from __future__ import annotations

from datetime import date

import pytest

from subscriptions.web.time_zones import known_zones, time_of, zone_label, zones_to_choose

WINTER, SUMMER = date(2026, 1, 15), date(2026, 7, 15)


@pytest.mark.parametrize(
    ("name", "day", "label"),
    [
        ("Europe/Berlin", WINTER, "Berlin (Europe/Berlin, UTC+1)"),
        ("Europe/Berlin", SUMMER, "Berlin (Europe/Berlin, UTC+2)"),
        ("America/Argentina/Buenos_Aires", WINTER, "Buenos Aires (America/Argentina/Buenos_Aires, UTC-3)"),
        ("Asia/Kathmandu", WINTER, "Kathmandu (Asia/Kathmandu, UTC+5:45)"),
        ("America/St_Johns", WINTER, "St Johns (America/St_Johns, UTC-3:30)"),
        ("UTC", WINTER, "UTC (UTC, UTC+0)"),
    ],
)
def test_a_zone_is_shown_by_its_place_and_that_days_offset(name: str, day: date, label: str) -> None:
    assert zone_label(name, day) == label


def test_the_time_of_a_place_is_named_by_it_and_utc_by_itself() -> None:
    assert [time_of(name) for name in ("America/New_York", "UTC")] == ["New York time", "UTC"]


def test_every_zone_on_offer_can_be_stored_and_stands_in_one_group() -> None:
    names = [name for _, zones in zones_to_choose(WINTER) for name, _ in zones]
    assert len(names) == len(set(names)) > 400
    assert set(names) <= known_zones()
    assert max(map(len, known_zones())) <= 64  # the column


def test_places_are_in_order_within_their_continent() -> None:
    groups = dict(zones_to_choose(WINTER))
    europe = [label for _, label in groups["Europe"]]
    assert europe == sorted(europe)
    assert ("Europe/Berlin", "Berlin (Europe/Berlin, UTC+1)") in groups["Europe"]


def test_old_names_that_browsers_still_tell_are_known_and_machine_names_are_not() -> None:
    assert {"Asia/Calcutta", "Europe/Kiev", "US/Eastern"} <= known_zones()
    assert not {"Factory", "localtime", ""} & known_zones()
