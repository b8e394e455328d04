"""When the timetable last succeeded: apart from the report, so that pages load nothing that looks at servers."""

from __future__ import annotations

from datetime import datetime, timedelta

from digest.models import Lease

TICK = "tick"
TICK_LATE = timedelta(minutes=3)


def last_tick(now: datetime) -> tuple[datetime | None, bool]:
    """Return when the timetable last succeeded, and whether that is recent enough."""
    last = Lease.objects.filter(name=TICK).values_list("last_ok_at", flat=True).first()
    return last, last is not None and now - last < TICK_LATE
