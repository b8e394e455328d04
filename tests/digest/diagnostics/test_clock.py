"""The clock beside the database's, and the age of the time zones that Python reads."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digest.diagnostics import clock
from digest.diagnostics.check_result import Severity
from tests.support.services import Installation

ASK = """
import django; django.setup()
from datetime import UTC, datetime, timedelta
from digest.diagnostics import clock
print([(one.what, one.severity.name, one.seen) for one in clock.examine_clock(lambda: datetime.now(UTC) + timedelta(seconds={off}))])
"""


@pytest.mark.parametrize(
    ("off", "said"),
    [
        (0, "('clock', 'WELL', \"agrees with the database's\")"),
        (-90, "this machine is 90 seconds behind the database's"),
        (90, "this machine is 90 seconds ahead of the database's"),
    ],
)
def test_a_clock_is_compared_with_the_one_of_postgresql(installation: Installation, off: int, said: str) -> None:
    if not installation.environment["DATABASE_URL"]:
        assert "clock" not in installation.run("-c", ASK.format(off=off))  # SQLite has the same clock
        return
    assert said in installation.run("-c", ASK.format(off=off))


def folder(tmp_path: Path, first_line: str) -> tuple[str]:
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe" / "Berlin").write_bytes(b"TZif")
    (tmp_path / "tzdata.zi").write_text(first_line + "\nR A 1916 o - Jun 14 23s 1 S\n")
    return (str(tmp_path),)


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("# version 2025b", Severity.WELL),
        ("# version 2024a", Severity.ATTENTION),
        ("# version unknown", Severity.WELL),
    ],
)
def test_old_time_zones_of_the_system_want_a_look(tmp_path: Path, line: str, severity: Severity) -> None:
    found = clock.zones_age(datetime(2026, 3, 2, tzinfo=UTC), paths=folder(tmp_path, line))
    assert (found.severity, "PYTHONTZPATH" in found.do) == (severity, severity != Severity.WELL)
    assert "the system's" in found.seen


def test_where_the_system_has_none_those_of_the_package_count(tmp_path: Path) -> None:
    found = clock.zones_age(datetime(2026, 3, 2, tzinfo=UTC), paths=(str(tmp_path),))
    assert (found.severity, "Python's package tzdata, 20" in found.seen) == (Severity.WELL, True)
    late = clock.zones_age(datetime(2036, 3, 2, tzinfo=UTC), paths=())
    assert (late.severity, "requirements.txt" in late.do) == (Severity.ATTENTION, True)


def test_the_zones_looked_at_are_those_that_python_opens(tmp_path: Path) -> None:
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=folder(tmp_path, "# version 2025b"))
    try:
        assert clock.zones_in_use(zoneinfo.TZPATH) == ("the system's", "2025b")
        with pytest.raises(ValueError):  # the file there is cut off: it was opened, and no other
            zoneinfo.ZoneInfo.no_cache("Europe/Berlin")
    finally:
        zoneinfo.reset_tzpath(to=before)
