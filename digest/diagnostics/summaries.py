"""Check the operator's model that writes summaries: whether one is set, and how it fares."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Sum

from digest.compose.phrases import plural
from digest.diagnostics.check_result import CheckResult, Severity, shorten_text
from digest.models import SummaryDay

WEEK = timedelta(days=7)
# Failures in a row after which somebody should look; one or two are a restart.
MANY = 3
MOST_REFUSED = 0.3  # share of a week's answers


def examine_summaries(now: datetime) -> Iterator[CheckResult]:
    """Say that no model is set, or how its calls of the last seven days ended."""
    if not settings.SUMMARY_URL:
        yield CheckResult(Severity.WELL, "summaries", "no model writes any (SUMMARY_URL is not set)")
        return
    week = SummaryDay.objects.filter(date__gt=(now - WEEK).date(), date__lte=now.date())
    sums = week.aggregate(*(Sum(name, default=0) for name in ("calls", "kept", "refused", "failed")))
    calls, kept, refused, failed = sums.values()
    counts = f"{plural(calls, 'call')} in seven days: {kept:,} kept, {refused:,} refused, {failed:,} failed"
    seen = f"{settings.SUMMARY_MODEL} is asked; {counts}"
    last = week.filter(failures__gte=MANY).first()
    if last and last == week.first():
        why = shorten_text(last.last_failure, 200)
        do = "Check SUMMARY_URL, SUMMARY_MODEL and SUMMARY_KEY, and that the endpoint runs. Mails go on without it."
        yield CheckResult(Severity.ATTENTION, "summaries", f"{seen}; the last {last.failures} failed: {why}", do)
    elif refused > MOST_REFUSED * (kept + refused):
        do = (
            "Another model may follow the instructions better. Papers whose answer was refused show their own sentence."
        )
        yield CheckResult(Severity.ATTENTION, "summaries", seen, do)
    else:
        today = next((day.calls for day in week if day.date == now.date()), 0)
        limit = f"; today {today:,} of at most {settings.SUMMARY_CALLS_A_DAY:,}"
        yield CheckResult(Severity.WELL, "summaries", seen + limit)
