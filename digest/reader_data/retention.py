"""Delete the reasons of digests after 30 days; the list of papers sent is kept for good."""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta

from django.db.models import Max

from digest.models import DayTally, Delivery, DeliveryContent

logger = logging.getLogger(__name__)
KEPT = timedelta(days=30)
CHUNK = 1000  # rows of one statement
MOST = 200_000  # rows of one run; the next goes on


def forget_reasons(now: datetime, *, limit: int = MOST) -> int:
    """Empty the records of digests more than 30 days old, the oldest day first; return the number of emptied rows.

    The tally of a finished day is marked, so that no run reads its rows again. A run ends with the day in which it has
    read ``limit`` rows.
    """
    last = DayTally.objects.filter(reasons_forgotten=True).aggregate(last=Max("date"))["last"] or date.min
    looked_at = forgotten = 0
    while looked_at < limit and (day := _next_day(after=last, until=(now - KEPT).date())):
        closed = Delivery.objects.filter(issue_date=day).exclude(status__in=Delivery.OPEN)
        numbers = list(closed.order_by().values_list("pk", flat=True))
        for start in range(0, len(numbers), CHUNK):
            these = DeliveryContent.objects.filter(pk__in=numbers[start : start + CHUNK]).exclude(record={})
            forgotten += these.update(record={})
        DayTally.objects.update_or_create(date=day, defaults={"reasons_forgotten": True})
        looked_at += len(numbers)
        last = day
    if forgotten:
        logger.info("forgot reasons", extra={"facts": {"deliveries": forgotten, "until": str(last)}})
    return forgotten


def _next_day(*, after: date, until: date) -> date | None:
    rows = Delivery.objects.filter(issue_date__gt=after, issue_date__lt=until).order_by("issue_date")
    return rows.values_list("issue_date", flat=True).first()
