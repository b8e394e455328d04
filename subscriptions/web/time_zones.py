"""Time zones as people read them: places in groups by continent."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import cache, lru_cache
from importlib import resources
from zoneinfo import available_timezones

from django.utils.translation import gettext as _

from subscriptions.schedule import zone_of

CONTINENTS = (
    "Africa",
    "America",
    "Antarctica",
    "Arctic",
    "Asia",
    "Atlantic",
    "Australia",
    "Europe",
    "Indian",
    "Pacific",
)
NOT_FOR_PEOPLE = {"Factory", "localtime", "posixrules"}

ZoneGroups = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@cache
def known_zones() -> frozenset[str]:
    """Return every zone that a reader can have, including old names such as Asia/Calcutta."""
    return frozenset(available_timezones() - NOT_FOR_PEOPLE)


@lru_cache(maxsize=2)
def zones_to_choose(day: date) -> ZoneGroups:
    """Return (continent, ((name, label), ...)) sorted by label; its offset is that of noon of the day."""
    table = resources.files("tzdata").joinpath("zoneinfo/zone.tab").read_text(encoding="utf-8")
    names = {line.split("\t")[2].strip() for line in table.splitlines() if line and not line.startswith("#")}
    groups: dict[str, list[tuple[str, str]]] = {continent: [] for continent in CONTINENTS}
    for name in names & known_zones():
        groups[name.partition("/")[0]].append((name, zone_label(name, day)))
    ordered = [
        (continent, tuple(sorted(zones, key=lambda zone: zone[1]))) for continent, zones in groups.items() if zones
    ]
    return (("All places", (("UTC", "UTC (Coordinated Universal Time)"),)), *ordered)


def zone_label(name: str, day: date) -> str:
    """Return ``Berlin (Europe/Berlin, UTC+1)``."""
    return f"{place_of(name)} ({name}, {_offset(name, day)})"


def place_of(name: str) -> str:
    """Return ``Berlin`` of Europe/Berlin, ``Buenos Aires`` of America/Argentina/Buenos_Aires, ``UTC`` of UTC."""
    return name.rpartition("/")[2].replace("_", " ")


def time_of(name: str) -> str:
    """Return what the time of a zone is called: ``Berlin time``, ``UTC``."""
    return _("%(place)s time") % {"place": place_of(name)} if "/" in name else name


def _offset(name: str, day: date) -> str:
    offset = datetime.combine(day, time(12), UTC).astimezone(zone_of(name)).utcoffset()
    minutes = int(offset.total_seconds() // 60) if offset else 0
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}"
