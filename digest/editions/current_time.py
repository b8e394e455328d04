"""The time of the service: apart from all that opens an edition, so that a process can ask for it and stay small."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from django.conf import settings
from django.db.models import Max

from digest.models import Edition


def noon(day: date) -> datetime:
    """Return the time at which a given day is read and sent: noon, UTC."""
    return datetime.combine(day, time(12), UTC)


def current_time(now: datetime) -> datetime:
    """Return ``now`` in live mode, else noon of the newest opened day."""
    if settings.MODE == "live":
        return now
    newest = Edition.objects.aggregate(newest=Max("date"))["newest"]
    return noon(newest) if newest else now
