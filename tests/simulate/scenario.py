"""One run: days of readers' acts and of the operator's, each told to the service and to the promises alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time

import time_machine

from tests.simulate.ledger import Ledger, Verdict
from tests.simulate.promises import DAY, QUARTER, Promises, Wishes
from tests.simulate.service import SentMail, Service
from tests.simulate.story import MAY_BE_LOST, Act, Story

SUMMER_TIME = date(2026, 3, 29)  # in Europe; in North America three weeks before, and in Australia it ends a week later
OPENS = timedelta(hours=6, minutes=30)  # an edition, after midnight UTC
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """When the operator's days come: hours from the first midnight."""

    begin: datetime
    days: int

    @classmethod
    def of(cls, days: int) -> Calendar:
        first = SUMMER_TIME - timedelta(days=days * 3 // 4)
        return cls(datetime.combine(first, clock_time(), UTC), days)

    def _hours(self, share: float, hour: float) -> datetime:
        return self.begin + int(self.days * share) * DAY + hour * HOUR

    @property
    def outage(self) -> tuple[datetime, datetime]:
        return self._hours(0.3, 2), self._hours(0.3, 11)

    @property
    def lost(self) -> tuple[datetime, datetime, datetime]:
        """Backup, failure, and the moment at which the backup is restored."""
        return self._hours(0.55, 3), self._hours(0.55, 10.25), self._hours(0.55, 11.75)

    @property
    def upgrade(self) -> tuple[datetime, datetime]:
        return self._hours(0.8, 14), self._hours(0.8, 14.5)

    @property
    def fault(self) -> datetime:
        return self._hours(0.3, 13)

    def is_down(self, now: datetime) -> bool:
        stops = (self.outage, self.lost[1:], self.upgrade)
        return any(start <= now < end for start, end in stops)


class Simulation:
    def __init__(self, service: Service, *, readers: int, days: int, seed: int, faults: Sequence[str] = ()) -> None:
        self.service, self.promises = service, Promises()
        self.ledger = Ledger(self.promises)
        self.calendar = Calendar.of(days)
        self.story = Story(readers=readers, first_day=self.calendar.begin.date(), days=days, seed=seed)
        self._faults = faults
        self._waiting: list[Act] = []
        self._events: list[tuple[datetime, str, SentMail]] = []
        self._left_meanwhile: list[str] = []  # between the backup and the failure
        self._told_meanwhile: list[tuple[str, SentMail]] = []
        self._papers: dict[date, dict[str, frozenset[str]]] = {}
        self._opened: set[date] = set()
        self._verdict_acts: dict[str, int] = {}

    def run(self, say: Callable[[str], None]) -> Verdict:
        began = time.perf_counter()
        begin, days = self.calendar.begin, self.calendar.days
        with time_machine.travel(begin, tick=False) as clock:
            self._clock = clock
            self._open((begin - DAY).date(), begin - DAY + OPENS)
            for number in range(days):
                today = begin + number * DAY
                self._waiting += self.story.acts_of(number, today, self.promises)
                for quarter in range(96):
                    self._turn(today + quarter * QUARTER)
                say(f"{today:%a %d %b}: {len(self.ledger.mails):,} mails, {len(self.ledger.wrong)} wrong")
            verdict = self.ledger.judge(self.service.rows())
        verdict.acts.update(self._verdict_acts)
        verdict.facts = {
            "days": f"{begin:%d %b} to {begin + days * DAY:%d %b %Y}",
            "zones": len(self.story.zones_used),
            "outage": _span(*self.calendar.outage),
            "backup": f"{self.calendar.lost[0]:%d %b %H:%M}",
            "lost, and restored": _span(*self.calendar.lost[1:]),
            "upgrade": _span(*self.calendar.upgrade),
            "seconds": round(time.perf_counter() - began),
        }
        return verdict

    # --- a quarter of an hour

    def _turn(self, now: datetime) -> None:
        calendar = self.calendar
        backup, _, restored = calendar.lost
        if now == backup:
            self.service.back_up()
            self.promises.back_up()
        if calendar.is_down(now):
            return
        if now == restored:
            self._restore(now)
        if now == calendar.upgrade[1]:
            self.service.upgrade()
        if now == calendar.outage[1]:
            self.service.restart()
        for fault in self._faults if now == calendar.fault else ():
            self._do_wrong(fault, now)
        self._act_until(now)
        today = datetime.combine(now.date(), clock_time(), UTC)
        if now >= today + OPENS and now.date() not in self._opened:
            self._open(now.date(), now)
        self._clock.move_to(now)
        self.promises.tick(now)
        mails = self.service.tick(now)
        self.ledger.take(mails, now)
        self._note_events(mails, now)
        if now.hour == 1 and not now.minute:
            self.service.tidy(now)

    def _open(self, day: date, now: datetime) -> None:
        if day not in self._papers:
            self._papers[day] = self.story.papers_of(day)
        papers = self._papers[day]
        self._opened.add(day)
        self._clock.move_to(now)
        self.service.open(day, papers, now)
        self.promises.open(day, papers, now)

    # --- readers and the provider

    def _act_until(self, now: datetime) -> None:
        """Do what readers did, and the provider told, since the turn before; while all is down they wait."""
        due = [act for act in self._waiting if act.at < now]
        self._waiting = [act for act in self._waiting if act.at >= now]
        told = [event for event in self._events if event[0] < now]
        self._events = [event for event in self._events if event[0] >= now]
        for act in due:
            self._do(act, max(act.at, now - QUARTER + MINUTE))
        for at, kind, mail in told:
            self._tell(kind, mail, max(at, now - MINUTE))

    def _do(self, act: Act, at: datetime) -> None:
        if self._will_be_lost(at):
            if act.kind not in MAY_BE_LOST or (act.wishes and self._moves(act.address, act.wishes)):
                return
            if act.kind == "leave":
                self._left_meanwhile.append(act.address)
        self._verdict_acts[act.kind] = self._verdict_acts.get(act.kind, 0) + 1
        self._clock.move_to(at)
        for side in (self.promises, self.service):
            match act.kind:
                case "confirm" | "choose":
                    assert act.wishes
                    getattr(side, act.kind)(act.address, act.wishes, at)
                case "pause":
                    side.pause(act.address, act.until, at)
                case _:
                    getattr(side, act.kind)(act.address, at)

    def _will_be_lost(self, at: datetime) -> bool:
        backup, failure, _ = self.calendar.lost
        return backup <= at < failure

    def _moves(self, address: str, wishes: Wishes) -> bool:
        return self.promises.readers[address].wishes.rhythm != wishes.rhythm

    def _note_events(self, mails: list[SentMail], now: datetime) -> None:
        for mail in mails:
            if kind := self.story.happens_to(mail.address):
                self._events.append((now + 20 * MINUTE, kind, mail))

    def _tell(self, kind: str, mail: SentMail, at: datetime) -> None:
        if mail.day is None:
            return
        name = f"told {kind}"
        self._verdict_acts[name] = self._verdict_acts.get(name, 0) + 1
        self._clock.move_to(at)
        self.service.tell(kind, mail, at)
        self.promises.told(kind, mail.address, mail.day, at)
        if self._will_be_lost(at):
            self._told_meanwhile.append((kind, mail))

    # --- the operator

    def _restore(self, now: datetime) -> None:
        """Follow docs/operators.md: the backup, today's edition, after_restore, who left, and on."""
        self._clock.move_to(now)
        self.service.restore(now)
        self.promises.restore()
        self._open(now.date(), now)
        for side in (self.service, self.promises):
            side.after_restore(now)
        for address in self._left_meanwhile:
            self._do(Act(now, "leave", address), now)
        for kind, mail in self._told_meanwhile:  # the provider's list has them
            self._tell(kind, mail, now)
        self.service.resume_sending(now)

    def _do_wrong(self, fault: str, now: datetime) -> None:
        match fault:
            case "lost":
                self.service.lose_a_row()
            case "doubled":
                self.service.double_a_mail()
            case "ignored":
                due = [
                    name for name, one in self.promises.readers.items() if one.is_on_list and len(one.wishes.days) == 7
                ]
                self.promises.leave(due[0], now)


def _span(start: datetime, end: datetime) -> str:
    return f"{start:%d %b %H:%M} to {end:%H:%M} UTC"
