"""Read dates as sources write them, and no more. An unknown month or day stays unknown; no clock is used."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from digest.ingest.entry import DAY, MONTH, YEAR
from digest.ingest.parsers.feed import Feed, plain, shorten_text

YEARS = range(1900, 2100)  # outside, a date is a slip

_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_NAME = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+)?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_TIME = r"\d{1,2}:\d\d(?::\d\d)?(?:\s+[a-z]{2,5})?"
WRITTEN: tuple[str, ...] = (
    rf"{_WEEKDAY}{_DAY}\.?[\s-]+(?P<month>{_NAME})[\s,-]+(?P<year>\d{{4}})",
    rf"{_WEEKDAY}(?P<month>{_NAME})\s+(?:{_DAY},?\s+)?(?:{_TIME}\s+)?(?P<year>\d{{4}})",
    rf"(?P<year>\d{{4}})[\s-]+(?P<month>{_NAME})(?:[\s-]+{_DAY})?",
)
"""Patterns of dates with the month's name, to be matched without case."""
_RFC_822 = re.compile(rf"{_WEEKDAY}\d{{1,2}}[\s-]+{_NAME}[\s-]+(?:\d\d|[1-9]\d{{3}})\s+\d{{1,2}}:.*", re.I)
_NUMBERS = re.compile(
    r"(?P<year>\d{4})(?:([-/.])(?P<month>\d{1,2})(?:\2(?P<day>\d{1,2}))?)?(?!\d)(?P<time>[T\s]\s*\d{1,2}:.*)?"
    r"|(?P<compact>\d{8})(?:T\d{4}.*)?"
)
_DAY_OR_MONTH_FIRST = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(?P<year>\d{4})(?:\s.*)?")
_MONTH_FIRST = re.compile(r"(?P<month>\d{1,2})[/.-](?P<year>\d{4})")
_JAPANESE = re.compile(r"(?P<year>\d{4})年(?P<month>\d{1,2})月(?:(?P<day>\d{1,2})日)?")
_PART_OF_YEAR = rf"(?:{_NAME}\s*[-/]\s*{_NAME}|spring|summer|autumn|fall|winter|q[1-4])"
_SEASON = re.compile(rf"{_PART_OF_YEAR}[\s,]+(?P<year>\d{{4}})|(?P<year_first>\d{{4}})[\s,]+{_PART_OF_YEAR}", re.I)
# what stands before a date: "Available online", "Published:"
_INTRODUCED = re.compile(
    r"(?:available online|(?:first )?published(?: online)?|publication date|epub|posted|online)\s*:?\s+", re.I
)
_ZONE_OF_A_DAY = re.compile(r"(?<=\d)(?:Z|[+-]\d\d:\d\d|T)\Z")  # of XML Schema's dates
_HYPHENS = str.maketrans("\u2010\u2011\u2012\u2013\u2014\u2212", "------")


@dataclass(frozen=True, slots=True)
class Given:
    """A date that a source gives; of ``at``, which is aware, only the parts up to ``precision`` are known."""

    at: datetime
    precision: str = DAY


def date_of(value: object, notes: list[str]) -> Given | None:
    """Return the date behind a text, UTC unless it says otherwise.

    None with a note for what cannot be read or lies outside YEARS, None alone where nothing is given.
    """
    text = plain(value)[:100]
    if not text:
        return None
    given = _read(text)
    if given is None or given.at.year not in YEARS:
        notes.append(f"a date that cannot be right was left out: “{shorten_text(text, width=40)}”")
        return None
    return given


def moment_of(value: object, notes: list[str]) -> datetime | None:
    """Return the moment behind a text, None where it gives no day; noted as by :func:`date_of`."""
    given = date_of(value, notes)
    return given.at if given and given.precision == DAY else None


def not_ahead(feed: Feed, now: datetime) -> Feed:
    """Return the feed without the dates that lie later than tomorrow: covers of coming issues, and slips."""
    last = now.astimezone(UTC).date() + timedelta(days=1)
    entries = []
    for entry in feed.entries:
        if entry.published and entry.published.astimezone(UTC).date() > last:
            entry = replace(entry, published=None, precision=DAY)
        if entry.announced_on and entry.announced_on > last:
            entry = replace(entry, announced_on=None)
        entries.append(entry)
    day = feed.announced_on
    if day and day > last:
        day = max((entry.announced_on for entry in entries if entry.announced_on), default=None)
    ahead = ("dates later than tomorrow were left out",) if entries != list(feed.entries) else ()
    return replace(feed, entries=tuple(entries), announced_on=day, notes=(*feed.notes, *ahead))


def _read(text: str) -> Given | None:
    if _RFC_822.fullmatch(text):
        try:
            return Given(_aware(parsedate_to_datetime(text)))
        except (ValueError, TypeError, IndexError, OverflowError):
            pass  # an odd time; the day may be right
    text = _INTRODUCED.sub("", text.translate(_HYPHENS), count=1)
    if match := _NUMBERS.fullmatch(text) or _NUMBERS.fullmatch(_ZONE_OF_A_DAY.sub("", text)):
        return _numbers(match, match[0])
    if match := _JAPANESE.fullmatch(text) or _MONTH_FIRST.fullmatch(text):
        return _given(*(int(match.groupdict().get(part) or 0) for part in ("year", "month", "day")))
    if match := _DAY_OR_MONTH_FIRST.fullmatch(text):
        one, other, year = int(match[1]), int(match[3]), int(match["year"])
        if one > 12 or one == other or match[2] == ".":  # dots stand after a day, then a month
            return _given(year, other, one)
        return _given(year, one, other) if other > 12 else _given(year)  # 3/8 is March or August
    for form in WRITTEN:
        if match := re.match(rf"{form}(?!\d)(?:\s+{_TIME}.*|\s*\.)?$", text, re.I):
            return _given(int(match["year"]), _MONTHS[match["month"][:3].lower()], int(match["day"] or 0))
    match = _SEASON.fullmatch(text)
    return _given(int(match["year"] or match["year_first"])) if match else None


def _numbers(match: re.Match[str], text: str) -> Given | None:
    if match["compact"]:
        text = f"{text[:4]}-{text[4:6]}-{text[6:]}"
        year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    else:
        year, month, day = (int(match[part] or 0) for part in ("year", "month", "day"))
    time = match["time"] or text[10:] if match["compact"] else match["time"] or ""
    if time and day:
        try:
            return Given(_aware(datetime.fromisoformat(f"{year:04}-{month:02}-{day:02}T{time.strip(' T')}")))
        except (ValueError, OverflowError):
            pass
    return _given(year, month, day)


def _given(year: int, month: int = 0, day: int = 0) -> Given | None:
    """Return midnight of the day; of the first day where month or day are 0, which is how sources write the unknown."""
    try:
        at = datetime(year, month or 1, day or 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return Given(at, DAY if day and month else MONTH if month else YEAR)


def _aware(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
