"""Check the delivery of digests: pauses, stuck rows, unknown results, and events from the provider."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Q

from digest.compose.phrases import plural
from digest.delivery import throttle
from digest.delivery.apply_events import not_understood
from digest.delivery.staff_texts import reason_text
from digest.diagnostics.check_result import CheckResult, Severity, shorten_text
from digest.models import Batch, Delivery, DeliveryEvent, Provider

STILL = timedelta(minutes=15)
DAY, WEEK = timedelta(days=1), timedelta(days=7)
EVENT_LATE = timedelta(hours=1)  # after acceptance; the first event normally comes within seconds
SILENT = ("outbox", "smtp")  # send no events
MOST_UNKNOWN = 0.0001  # share of a day's digests


def examine_queue(now: datetime) -> Iterator[CheckResult]:
    provider = Provider.objects.filter(name=settings.MAIL_PROVIDER).first() or Provider(name=settings.MAIL_PROVIDER)
    gate_found = _gate(provider, now)
    yield gate_found
    yield _queue(now, is_open=gate_found.severity == Severity.WELL)
    yield from _last_day(now)
    yield from _events(now)


def _gate(provider: Provider, now: datetime) -> CheckResult:
    why = shorten_text(provider.why, 300)
    if provider.status == Provider.Status.PAUSED:
        first = "./run manage after_restore, then " if provider.why == throttle.RESTORING else ""
        do = f"To resume: {first}./run manage resume_sending. Digests expire five hours after they were due."
        return CheckResult(Severity.ATTENTION, "sending", f"is paused: {why}", do)
    if provider.held_until and (until := throttle.paused_until(now)):
        do = "Fix the cause. Sending resumes automatically, or at once with: ./run manage resume_sending"
        return CheckResult(Severity.ATTENTION, "sending", f"is stopped until {until:%H:%M} UTC: {why}", do)
    rate = throttle.rate_of(provider, now=now)
    pace = "" if rate is None else f", {rate:.3g} a second"
    slowed = "" if rate == settings.MAIL_RATE else ", since the provider asked us to slow down"
    return CheckResult(Severity.WELL, "sending", f"running{pace}{slowed}")


def _queue(now: datetime, *, is_open: bool) -> CheckResult:
    since = now - STILL
    waited = Q(not_before__lte=since) | Q(not_before=None, dated_at__lte=since)
    still = Q(status=Delivery.Status.HANDING_OFF, handed_over_at__lte=since) & ~Q(
        batch__status=Batch.Status.LEASED, batch__lease_until__gt=now
    )
    still |= waited & Q(status=Delivery.Status.RETRY_WAIT)
    # expired, but not reaped
    still |= Q(status__in=[Delivery.Status.READY, Delivery.Status.RETRY_WAIT], not_after__lte=since)
    # if any digest left lately, the queue is only long
    if is_open and not Delivery.objects.filter(handed_over_at__gt=since).exists():
        its_time = Q(batch__not_before=None) | Q(batch__not_before__lte=since)
        still |= waited & its_time & Q(status=Delivery.Status.READY)
    waiting = Delivery.objects.filter(status__in=Delivery.OPEN)
    counts = waiting.filter(still).values_list("status").annotate(many=Count("pk")).order_by("status")
    if counts:
        parts = ", ".join(f"{many:,} {Delivery.Status(status).label}" for status, many in counts)
        do = "Check that a worker and the timetable run, read their logs, restart both. Nobody gets a digest twice."
        return CheckResult(Severity.ATTENTION, "queue", f"digests have not moved for 15 minutes: {parts}", do)
    return CheckResult(Severity.WELL, "queue", f"{plural(waiting.count(), 'digest')} waiting, none stuck")


def _last_day(now: datetime) -> Iterator[CheckResult]:
    ended = Delivery.objects.filter(handed_over_at__gt=now - DAY).exclude(status__in=Delivery.OPEN)
    lost = ended.filter(status=Delivery.Status.UNKNOWN)
    total, unknown = ended.count(), lost.count()
    if not total:
        return
    seen = f"sent: {plural(total, 'digest')}; for {unknown:,} the result is unknown"
    if unknown <= MOST_UNKNOWN * total:
        yield CheckResult(Severity.WELL, "last day", seen)
        return
    reason, many = lost.values_list("status_reason").annotate(many=Count("pk")).order_by("-many", "status_reason")[0]
    do = (
        "They are not sent again. Stop workers by SIGTERM with 90 seconds to end, and check the connection to the "
        "provider; its webhooks report digests that left."
    )
    yield CheckResult(Severity.ATTENTION, "last day", f"{seen}; {many:,}: {reason_text(reason) or 'no reason'}", do)


def _events(now: datetime) -> Iterator[CheckResult]:
    """Check that a provider with events sends them, and that they are understood."""
    if settings.MAIL_PROVIDER in SILENT:
        return
    if unknown := not_understood(now):
        kinds = ", ".join(f"{provider} {name or '(no name)'} ({count:,})" for provider, name, count in unknown[:5])
        seen = f"not understood: {plural(sum(count for *_, count in unknown), 'event')} of this week: {kinds}"
        do = "They changed nothing. Switch these kinds off at the provider; report one that tells of bounces."
        yield CheckResult(Severity.ATTENTION, "kinds of events", seen, do)
    told = DeliveryEvent.objects.filter(at__gt=now - WEEK)
    taken = Delivery.objects.filter(provider=settings.MAIL_PROVIDER, accepted_at__isnull=False)
    if told.exists():
        yield CheckResult(Severity.WELL, "events", f"{settings.MAIL_PROVIDER} sends events")
    elif taken.filter(handed_over_at__gt=now - WEEK, handed_over_at__lte=now - EVENT_LATE).exists():
        seen = f"{settings.MAIL_PROVIDER} sent no events this week: bounces and complaints are not recorded"
        yield CheckResult(Severity.ATTENTION, "events", seen, "Set up webhooks: docs/operators.md.")
