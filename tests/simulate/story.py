"""Who the readers are and what they do, day by day: drawn by dice with a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import available_timezones

from tests.simulate.promises import DAY, Promises, Reader, Wishes

CATEGORIES = ("cs.LG", "cs.CL", "cs.RO", "stat.ML", "math.CO", "quant-ph", "astro-ph.GA", "q-bio.NC")
RHYTHMS = ((0, 1, 2, 3, 4, 5, 6), (0, 1, 2, 3, 4), (0, 2, 4), (0,), (5, 6))
PAPERS = 24  # of a working day; a Saturday has a quarter of them, a Sunday none
CHANCES = {  # of an act, for each reader and day
    "topics": 0.02,
    "hour": 0.015,
    "zone": 0.01,
    "days": 0.01,
    "pause": 0.01,
    "resume": 0.01,
    "weekly": 0.002,
    "leave": 0.006,
    "undo": 0.004,
    "come back": 0.004,
}
FATES = {3: "bounced", 13: "complained", 23: "soft_bounced"}  # by the number of a reader, modulo 50
# Acts between a backup and its restore. What else is lost there may cause a mail, as docs/operators.md says: a sign-up
# that is made again, an earlier hour.
MAY_BE_LOST = ("choose", "leave")


@dataclass(frozen=True, slots=True)
class Act:
    at: datetime
    kind: str
    address: str
    wishes: Wishes | None = None
    until: date | None = None


class Story:
    """Draws acts. What comes to nothing, such as the resume of somebody who never paused, is part of it."""

    def __init__(self, *, readers: int, first_day: date, days: int, seed: int) -> None:
        self._dice = random.Random(seed)
        self._days = days
        self._zones = sorted(name for name in available_timezones() if name not in ("Factory", "localtime"))
        self._dice.shuffle(self._zones)
        self._addresses = [f"reader{number}@readers.example.org" for number in range(readers)]
        # four of five on the first day, the others later
        self._joins = {
            address: 0 if number % 5 else self._dice.randrange(days) for number, address in enumerate(self._addresses)
        }
        self._first = first_day
        self.zones_used: set[str] = set()

    def papers_of(self, day: date) -> dict[str, frozenset[str]]:
        count = {5: PAPERS // 4, 6: 0}.get(day.weekday(), PAPERS)
        first = (day - self._first).days * PAPERS + 1000
        return {
            f"arxiv:2603.{first + number:05}": frozenset(self._dice.sample(CATEGORIES, self._dice.choice((1, 1, 2))))
            for number in range(count)
        }

    def acts_of(self, number: int, begin: datetime, promises: Promises) -> list[Act]:
        """Return the acts of that day of the story in the order of their times."""
        return sorted(self._acts(number, begin, promises), key=lambda act: (act.at, act.address))

    def _acts(self, number: int, begin: datetime, promises: Promises) -> Iterator[Act]:
        for index, address in enumerate(self._addresses):
            if self._joins[address] == number:
                yield Act(self._some_time(begin), "confirm", address, wishes=self._wishes(index))
            reader = promises.readers.get(address)
            if reader is None:
                continue
            for kind, chance in CHANCES.items():
                if self._dice.random() < chance:
                    yield self._act(kind, address, reader, self._some_time(begin))

    def _act(self, kind: str, address: str, reader: Reader, at: datetime) -> Act:
        dice, wishes = self._dice, reader.wishes
        match kind:
            case "topics":
                changed = replace(self._tastes(wishes), most=dice.choice((3, 10, 25)))
                return Act(at, "choose", address, wishes=changed)
            case "hour":
                return Act(at, "choose", address, wishes=replace(wishes, hour=dice.randint(4, 20)))
            case "zone":
                return Act(at, "choose", address, wishes=replace(wishes, zone=dice.choice(self._zones)))
            case "days":
                return Act(at, "choose", address, wishes=replace(wishes, days=frozenset(dice.choice(RHYTHMS))))
            case "pause":
                until = dice.choice((None, at.date() + dice.randint(1, 6) * DAY))
                return Act(at, "pause", address, until=until)
            case "come back":
                return Act(at, "confirm", address, wishes=wishes)
        return Act(at, kind, address)

    def _wishes(self, index: int) -> Wishes:
        zone = self._zones[index % len(self._zones)]
        self.zones_used.add(zone)
        rhythm = self._dice.choice((RHYTHMS[0], RHYTHMS[0], *RHYTHMS))
        wishes = Wishes(zone=zone, hour=self._dice.randint(4, 20), days=frozenset(rhythm), most=10)
        return replace(self._tastes(wishes), most=self._dice.choice((3, 10, 10, 25)))

    def _tastes(self, wishes: Wishes) -> Wishes:
        dice = self._dice
        chosen = dice.sample(CATEGORIES, dice.choice((0, 1, 1, 1, 2, 3, 4)))
        return replace(
            wishes,
            wants=frozenset(chosen[:-1] if len(chosen) == 4 else chosen),
            mutes=frozenset(chosen[-1:] if len(chosen) == 4 else ()),
            quiet_days=dice.random() < 0.1,
        )

    def _some_time(self, begin: datetime) -> datetime:
        return begin + timedelta(seconds=self._dice.randrange(24 * 3600))

    def happens_to(self, address: str) -> str:
        """Return what the provider tells of a mail: mostly nothing; of some addresses always the same."""
        if fate := FATES.get(int(address.partition("@")[0].removeprefix("reader")) % 50):
            return fate
        drawn = self._dice.random()
        for kind, share in (("bounced", 0.004), ("complained", 0.003), ("delivered", 0.05)):
            if drawn < share:
                return kind
            drawn -= share
        return ""
