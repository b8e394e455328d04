"""The promises as a model of their own: what each reader should get on each local day, and when.

It knows the acts of readers and of the operator, the editions and the ticks of the service, and nothing of the service's
code: only dates, zones and sets. All times are aware and UTC.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import dropwhile, takewhile
from zoneinfo import ZoneInfo

QUARTER, DAY = timedelta(minutes=15), timedelta(days=1)
CATCH_UP = timedelta(hours=5)  # how late a digest may leave
APART = timedelta(hours=12)  # two digests are never closer
REGRET = timedelta(hours=24)  # leaving can be taken back for so long
BEGINNING = datetime.min.replace(tzinfo=UTC)
MAIL, MAY_HAVE_LEFT = "mail", "may have left"


@lru_cache(maxsize=200_000)
def moment(day: date, hour: int, zone: str) -> datetime:
    """Return the first quarter of an hour at which the wall clock of the zone has reached that hour of that day."""
    there, wall = ZoneInfo(zone), datetime.combine(day, time(hour))
    at = datetime.combine(day, time(hour), UTC) - timedelta(hours=16)
    while at.astimezone(there).replace(tzinfo=None) < wall:
        at += QUARTER
    return at


def day_in(zone: str, at: datetime) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a reader chose; ``days`` are numbers of weekdays, Monday is 0, and ``wants`` and ``mutes`` categories."""

    zone: str
    hour: int
    days: frozenset[int]
    most: int
    wants: frozenset[str] = frozenset()
    mutes: frozenset[str] = frozenset()
    quiet_days: bool = False

    @property
    def rhythm(self) -> tuple[str, int, frozenset[int]]:
        return self.zone, self.hour, self.days


@dataclass(frozen=True, slots=True)
class Row:
    """What a reader should find for one day: a mail from among these papers, or the reason why there is none."""

    kind: str
    at: datetime
    papers: frozenset[str] = frozenset()
    count: int = 0


@dataclass(frozen=True, slots=True)
class OpenEdition:
    date: date
    opened_at: datetime
    papers: dict[str, frozenset[str]]  # identifier -> categories


@dataclass
class Reader:
    wishes: Wishes
    is_on_list: bool = False
    is_paused: bool = False
    paused_until: date | None = None
    is_suppressed: bool = False
    due: datetime | None = None
    last_day: date | None = None  # the newest with a row
    last_edition: date | None = None  # of the newest digest that left or may have left
    fed_at: datetime | None = None  # when that left
    mailed_at: datetime | None = None  # when the last one surely left
    left_at: datetime | None = None
    had: set[str] = field(default_factory=set)
    rows: dict[date, Row] = field(default_factory=dict)
    soft_bounces: set[date] = field(default_factory=set)
    came_at: datetime = BEGINNING  # when they confirmed last

    def own_day_after(self, day: date, *, not_before: datetime | None = None) -> datetime:
        """Return the hour of the reader's next weekday after ``day`` that is not before a moment."""
        while True:
            day += DAY
            if day.weekday() in self.wishes.days:
                at = moment(day, self.wishes.hour, self.wishes.zone)
                if not_before is None or at >= not_before:
                    return at

    def next_own_hour(self, now: datetime) -> datetime:
        """Return the next hour of theirs, on a day without a row."""
        yesterday = day_in(self.wishes.zone, now) - DAY
        return self.own_day_after(max(yesterday, self.last_day or yesterday), not_before=now)

    def closes(self) -> datetime:
        """Return until when the digest that is due may leave; the first one may also leave after midnight."""
        assert self.due
        day = day_in(self.wishes.zone, self.due)
        is_own_hour = self.due == moment(day, self.wishes.hour, self.wishes.zone)
        ends = [self.due + CATCH_UP, *([moment(day + DAY, 0, self.wishes.zone)] if is_own_hour else [])]
        return min(ends)

    def rests(self, day: date) -> bool:
        return self.is_paused and (self.paused_until is None or day < self.paused_until)

    def put(self, row: Row) -> date:
        """Write the row of the day that is due, and move on to the next."""
        assert self.due
        day = day_in(self.wishes.zone, self.due)
        self.rows[day] = row
        self.last_day = max(day, self.last_day or day)
        self.due = self.own_day_after(self.last_day)
        return day


@dataclass(frozen=True, slots=True)
class Mail:
    address: str
    day: date
    at: datetime


class Promises:
    """All readers by address, and every mail that they should have had until now."""

    def __init__(self) -> None:
        self.readers: dict[str, Reader] = {}
        self.editions: list[OpenEdition] = []
        self.mails: list[Mail] = []
        self._backup: tuple[dict[str, Reader], list[OpenEdition]] | None = None

    # --- acts of readers

    def confirm(self, address: str, wishes: Wishes, now: datetime) -> None:
        """Sign up and confirm: the first digest comes at once, unless one came today or within half a day."""
        reader = self.readers.setdefault(address, Reader(wishes))
        if reader.is_on_list or reader.is_suppressed:
            return
        reader.wishes, reader.is_on_list, reader.is_paused, reader.left_at = wishes, True, False, None
        reader.came_at = now
        is_fed = reader.mailed_at is not None and reader.mailed_at > now - APART
        has_row = reader.last_day is not None and reader.last_day >= day_in(wishes.zone, now)
        reader.due = reader.next_own_hour(now) if is_fed or has_row else now

    def choose(self, address: str, wishes: Wishes, now: datetime) -> None:
        """Save other choices: today's digest comes at once where its new hour is over, else at the next hour."""
        reader = self.readers[address]
        before, reader.wishes = reader.wishes, wishes
        if not (reader.is_on_list and reader.due) or before.rhythm == wishes.rhythm or reader.due <= now:
            return
        today = day_in(wishes.zone, now)
        is_owed = (
            day_in(wishes.zone, reader.due) == today
            and today.weekday() in wishes.days
            and (reader.last_day is None or reader.last_day < today)
            and moment(today, wishes.hour, wishes.zone) < now
        )
        reader.due = now if is_owed else reader.next_own_hour(now)

    def weekly(self, address: str, now: datetime) -> None:
        reader = self.readers[address]
        if reader.is_on_list and reader.wishes.days != frozenset({0}):
            reader.wishes = replace(reader.wishes, days=frozenset({0}))
            reader.due = reader.next_own_hour(now)

    def pause(self, address: str, until: date | None, now: datetime) -> None:
        reader = self.readers[address]
        if reader.is_on_list:
            reader.is_paused, reader.paused_until = True, until

    def resume(self, address: str, now: datetime) -> None:
        self.readers[address].is_paused = False

    def leave(self, address: str, now: datetime) -> None:
        reader = self.readers[address]
        if reader.is_on_list:
            reader.is_on_list, reader.due, reader.left_at = False, None, now

    def undo(self, address: str, now: datetime) -> None:
        reader = self.readers[address]
        if reader.left_at and reader.left_at > now - REGRET and not reader.is_suppressed:
            reader.is_on_list, reader.left_at, reader.due = True, None, reader.next_own_hour(now)

    # --- what the provider tells

    def told(self, kind: str, address: str, day: date, at: datetime) -> None:
        """Apply what the provider tells of the mail of that day: it had left, whatever was known of it."""
        reader = self.readers[address]
        if (row := reader.rows.get(day)) and row.kind == MAY_HAVE_LEFT:
            reader.rows[day] = replace(row, kind=MAIL)
            reader.fed_at = max(at, reader.fed_at or at)
            reader.mailed_at = max(at, reader.mailed_at or at)
        if kind == "complained":
            self.leave(address, at)
        if kind in ("bounced", "complained"):
            reader.is_suppressed = True
        if kind == "soft_bounced":
            self._mailbox_was_full(reader, day)

    @staticmethod
    def _mailbox_was_full(reader: Reader, day: date) -> None:
        """Give the address up after three digests in a row, and two weeks, that found the mailbox full.

        One of which nobody knows whether it arrived ends the row, unless it is among the newest.
        """
        reader.soft_bounces.add(day)
        left = [
            day for day, row in reader.rows.items() if row.kind in (MAIL, MAY_HAVE_LEFT) and row.at > reader.came_at
        ]
        newest_first = dropwhile(lambda day: day not in reader.soft_bounces, sorted(left, reverse=True))
        days = list(takewhile(lambda day: day in reader.soft_bounces, newest_first))
        if len(days) >= 3 and days[0] - days[-1] >= timedelta(days=14):
            reader.is_suppressed = True

    # --- the service

    def open(self, day: date, papers: dict[str, frozenset[str]], now: datetime) -> None:
        if day not in {edition.date for edition in self.editions}:
            self.editions.append(OpenEdition(day, now, papers))

    def tick(self, now: datetime) -> None:
        """Settle every day that is due by now, as one turn of the service should."""
        week = [edition for edition in self.editions if now.date() - 7 * DAY < edition.date <= now.date()]
        for address, reader in self.readers.items():
            if reader.is_on_list and reader.due and reader.due <= now:
                self._settle(address, reader, week, now)

    def _settle(self, address: str, reader: Reader, week: list[OpenEdition], now: datetime) -> None:
        while reader.due and reader.closes() < now:
            reader.put(Row(self._why_none(reader, "too_late"), now))
        while reader.due and reader.due <= now and reader.fed_at and reader.fed_at > now - APART:
            reader.put(Row(self._why_none(reader, "too_soon"), now))
        if not reader.due or reader.due > now:
            return
        last = reader.last_edition
        fresh = week[-1:] if last is None else [edition for edition in week if edition.date > last]
        if not fresh:
            return
        arrived = {name: of for edition in fresh for name, of in edition.papers.items() if name not in reader.had}
        wishes = reader.wishes
        fitting = frozenset(
            name for name, of in arrived.items() if not of & wishes.mutes and (of & wishes.wants or not wishes.wants)
        )
        kind = self._why_none(reader, "")
        if not kind and not fitting and not wishes.quiet_days:
            kind = "nothing_matched" if arrived else "no_new_papers"
        if kind:
            reader.put(Row(kind, now))
            return
        day = reader.put(Row(MAIL, now, fitting, min(wishes.most, len(fitting))))
        reader.last_edition, reader.fed_at, reader.mailed_at = week[-1].date, now, now
        self.mails.append(Mail(address, day, now))

    @staticmethod
    def _why_none(reader: Reader, otherwise: str) -> str:
        assert reader.due
        if reader.is_suppressed:
            return "suppressed"
        return "paused" if reader.rests(day_in(reader.wishes.zone, reader.due)) else otherwise

    # --- the operator

    def back_up(self) -> None:
        self._backup = copy.deepcopy((self.readers, self.editions))

    def restore(self) -> None:
        """Go back to the backup; the mails that left since have left all the same."""
        assert self._backup
        self.readers, self.editions = copy.deepcopy(self._backup)

    def after_restore(self, now: datetime) -> None:
        """Take every digest that was due since the backup as one that may have left."""
        newest = max(edition.date for edition in self.editions if edition.date <= now.date())
        for reader in self.readers.values():
            while reader.is_on_list and reader.due and reader.due <= now:
                if reader.rests(day_in(reader.wishes.zone, reader.due)):
                    reader.put(Row("paused", now))
                    continue
                reader.fed_at, reader.last_edition = reader.due, newest
                reader.put(Row(MAY_HAVE_LEFT, now))
