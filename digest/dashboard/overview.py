"""The morning at a glance: whether today's edition is open, what came in, who is planned, whether digests may leave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from digest.compose import emails
from digest.delivery import throttle
from digest.editions import open_edition
from digest.ingest import arxiv_calendar
from digest.models import Delivery, Edition
from subscriptions.models import Subscriber

AWAITED = {  # state of a source in the completeness report -> what is said of it
    "absent": "has not answered with this day yet",
    "stale": "still shows an older day",
    "failed": "could not be read",
    "partial": "gave fewer papers than it announced",
}


@dataclass(frozen=True, slots=True)
class Awaited:
    """A source that has not given all of its day, and why."""

    source: str
    says: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What a curator wants to know first. ``edition`` is the newest one, ``is_open`` whether it is today's.

    ``came`` are the papers that sources gave for today's edition, of ``expected``, which is None where no source says a
    number. ``planned`` readers have a row from ``edition``; about ``to_plan`` have not: who left the list after they
    were planned is not told apart, which would take a look at each.
    """

    now: datetime
    day: date
    edition: Edition | None
    is_open: bool
    deadline: datetime
    awaited: tuple[Awaited, ...]
    came: int
    expected: int | None
    candidates: int
    completeness: tuple[str, ...]
    planned: int
    to_plan: int
    next_due: datetime | None
    next_readers: int
    why_held: str

    @property
    def is_late(self) -> bool:
        """Whether the deadline passed without an edition: it then waits for those only that are about to be asked."""
        return not self.is_open and self.now >= self.deadline

    @property
    def missing(self) -> int:
        return max(0, (self.expected or 0) - self.came)


def overview_at(now: datetime) -> Overview:
    """The morning as it stands at ``now``: ten queries, none over all deliveries."""
    day = now.date()
    edition = Edition.objects.filter(opened_at__lte=now, date__lte=day).first()
    is_open = edition is not None and edition.date == day
    completeness = edition.completeness if edition and is_open else open_edition.completeness_report(day, now=now)
    given = [row for row in completeness if row["expected"] is not None]
    next_due, next_readers = _next(now)
    planned = Delivery.objects.filter(edition=edition).count() if edition else 0
    return Overview(
        now=now,
        day=day,
        edition=edition,
        is_open=is_open,
        deadline=arxiv_calendar.deadline(day),
        awaited=tuple(
            Awaited(row["source"], AWAITED[row["state"]], row["why"])
            for row in completeness
            if row["state"] in AWAITED and not row["given"]
        ),
        came=sum(row["stored"] for row in completeness),
        expected=sum(max(row["expected"], row["stored"]) for row in given)
        + sum(row["stored"] for row in completeness if row["expected"] is None)
        if given
        else None,
        candidates=edition.candidates.count() if edition else 0,
        completeness=emails.in_words(completeness),
        planned=planned,
        to_plan=max(0, Subscriber.objects.on_the_list().count() - planned),
        next_due=next_due,
        next_readers=next_readers,
        why_held=throttle.paused_reason(now),
    )


def _next(now: datetime) -> tuple[datetime | None, int]:
    """When digests are planned next, and for how many readers; what is due already is due now."""
    due = Subscriber.objects.exclude(next_send_at=None)  # who is off the list is never due
    if overdue := due.filter(next_send_at__lte=now).count():
        return now, overdue
    soonest = due.order_by("next_send_at").values_list("next_send_at", flat=True).first()
    return soonest, due.filter(next_send_at=soonest).count() if soonest else 0
