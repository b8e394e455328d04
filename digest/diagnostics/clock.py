"""Compare this machine's clock with the database's, and check the age of its time zones."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from importlib import metadata
from pathlib import Path

from django.db import connection

from digest.diagnostics.check_result import CheckResult, Severity

MOST_APART = timedelta(seconds=2)
OLD = timedelta(days=548)  # 18 months, in which several countries change their zones


def examine_clock(clock: Callable[[], datetime]) -> Iterator[CheckResult]:
    if connection.vendor == "postgresql":
        yield _beside_the_database(clock)
    yield zones_age(clock(), paths=zoneinfo.TZPATH)


def _beside_the_database(clock: Callable[[], datetime]) -> CheckResult:
    with connection.cursor() as cursor:
        before = clock()
        cursor.execute("SELECT clock_timestamp()")
        there: datetime = cursor.fetchone()[0]
        after = clock()
    # the difference that the time of the query cannot explain
    apart = max(before - there, there - after, timedelta())
    if apart > MOST_APART:
        which = "behind" if there > after else "ahead of"
        seen = f"this machine is {apart.total_seconds():,.0f} seconds {which} the database's"
        do = "Synchronise both by NTP (timedatectl set-ntp true): leases depend on the clocks."
        return CheckResult(Severity.ATTENTION, "clock", seen, do)
    return CheckResult(Severity.WELL, "clock", "agrees with the database's")


def zones_age(now: datetime, *, paths: tuple[str, ...]) -> CheckResult:
    """Check the age of the time zones that Python reads: the system's in ``paths``, or the package tzdata.

    A release counts as made in the middle of its year.
    """
    whose, version = zones_in_use(paths)
    seen = f"{whose}, {version or 'of unknown version'}"
    year = re.match(r"\d{4}", version)
    if year is None or now - datetime.combine(date(int(year[0]), 7, 1), datetime.min.time(), UTC) <= OLD:
        return CheckResult(Severity.WELL, "time zones", seen)
    do = (
        "Update the system's package tzdata, or set PYTHONTZPATH to nothing so that Python's is used."
        if whose == "the system's"
        else "Install the newest requirements.txt of Broadsheet."
    )
    return CheckResult(
        Severity.ATTENTION, "time zones", f"{seen}, are old: some digests may be an hour early or late", do
    )


def zones_in_use(paths: tuple[str, ...]) -> tuple[str, str]:
    """Return the origin of the time zones and their version, empty if unknown."""
    for folder in map(Path, paths):
        if (folder / "Europe" / "Berlin").exists():
            for name in ("tzdata.zi", "+VERSION"):
                if (folder / name).is_file():
                    with (folder / name).open(encoding="ascii", errors="replace") as file:
                        found = re.search(r"\d{4}[a-z]*", file.readline())
                    return "the system's", found[0] if found else ""
            return "the system's", ""
    try:
        return "Python's package tzdata", metadata.version("tzdata")
    except metadata.PackageNotFoundError:
        return "Python's package tzdata", ""
