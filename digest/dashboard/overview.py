"""Collect the overview of the day: the edition, papers received, readers planned, the state of sending."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from digest.compose import emails
from digest.delivery import throttle
from digest.editions import open_edition
from digest.ingest import arxiv_calendar
from digest.models import Delivery, Edition
from subscriptions.models import Subscriber

# State of a source in the completeness report -> its words after the source's name
AWAITED = {
    "absent": _("has not delivered this day yet"),
    "stale": _("still shows an older day"),
    "failed": _("could not be read"),
    "partial": _("delivered fewer papers than it announced"),
}


@dataclass(frozen=True, slots=True)
class Awaited:
    """A source that has not delivered all of its day, and the reason."""

    source: str
    says: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The overview of the day. ``edition`` is the newest one, ``is_open`` whether it is today's.

    ``came`` counts the papers delivered for today's edition, of ``expected``, which is None if no source announces a
    total. ``planned`` readers have a delivery from ``edition``; about ``to_plan`` do not: readers who left the list
    after planning are not subtracted, which would need a query over all of them. Where it ``stands_still``, time does
    not pass: on the sample day, and on days given as files.
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
    stands_still: bool
    why_held: str

    @property
    def is_late(self) -> bool:
        """Return whether the deadline passed without an edition; it then waits only for sources that are due."""
        return not self.is_open and self.now >= self.deadline

    @property
    def missing(self) -> int:
        return max(0, (self.expected or 0) - self.came)


def overview_at(now: datetime) -> Overview:
    """Return the overview at ``now``. Ten queries, none over all deliveries."""
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
            Awaited(row["source"], str(AWAITED[row["state"]]), row["why"])
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
        stands_still=settings.MODE != "live",
        why_held=throttle.paused_reason(now),
    )


def _next(now: datetime) -> tuple[datetime | None, int]:
    """Return when digests are planned next, and for how many readers; overdue readers are due at ``now``.

    Outside live mode time does not pass, and only readers without a digest get one, at once.
    """
    # a reader who left the list has no next_send_at
    due = Subscriber.objects.exclude(next_send_at=None)
    if settings.MODE != "live":
        count = due.filter(next_send_at__lte=now, last_issue_date=None).count()
        return (now, count) if count else (None, 0)
    if overdue := due.filter(next_send_at__lte=now).count():
        return now, overdue
    soonest = due.order_by("next_send_at").values_list("next_send_at", flat=True).first()
    return soonest, due.filter(next_send_at=soonest).count() if soonest else 0
