"""Pages about deliveries: each day's digests, and pause, resume and retry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from digest import charts
from digest.compose.phrases import plural, shorten
from digest.dashboard import audit_log
from digest.dashboard.auth.roles import Role, roles_of
from digest.dashboard.pages import page, staff_only
from digest.delivery import retry, throttle
from digest.delivery.apply_events import not_understood
from digest.delivery.staff_texts import delivery_text, reason_text
from digest.editions.current_time import current_time
from digest.models import Delivery, Provider
from digest.stats import trends
from digest.stats.day_summary import DaySummary, in_words, summaries_of, summary_from_counts
from digest.stats.delivery_log import log_of
from digest.stats.explained import explained_papers
from digest.stats.judged_papers import judged_by_day
from subscriptions.mail.rendering import one_line
from subscriptions.models import Subscriber
from subscriptions.sample_readers import is_invented
from subscriptions.web.decorators import see_other

ROWS = 50  # per page of the list
# The daily counts are written once an hour.
FRESH = timedelta(hours=2)
_Status = Delivery.Status
# Order of the list: digests that need attention come first.
IN_ORDER: list[str] = [
    *(_Status.UNKNOWN, _Status.FAILED, _Status.BOUNCED, _Status.COMPLAINED, _Status.EXPIRED, _Status.HANDING_OFF),
    *(_Status.RETRY_WAIT, _Status.READY, _Status.ACCEPTED, _Status.DELIVERED, _Status.SKIPPED),
]
HERE = {"here": "dashboard_deliveries"}


@require_safe
@staff_only()
def deliveries(request: HttpRequest) -> HttpResponse:
    """Show the counts of today and yesterday, the state of sending, possible retries, and the last 30 days."""
    now = current_time(timezone.now())
    state, month = throttle.state(now), trends.last_month(now.date())
    context = {
        "gate": state,
        "gate_seen": _seen(state),
        "sheets": [_sheet(name, *sheet, state) for name, sheet in _two_days(month, now).items()],
        "again": retry.may_be_tried(now),
        "not_understood": not_understood(now),
        "waiting_to_be_planned": Subscriber.objects.due(now).count(),
        "lines": audit_log.latest(Provider, limit=10),
        "judged": judged_by_day(now.date()),
        **_charts(month),
    }
    return page(request, "deliveries", context)


def _two_days(month: trends.Month, now: datetime) -> dict[str, tuple[DaySummary, datetime | None]]:
    """Return today's summary, counted live, and yesterday's, from the daily counts and with their time if fresh."""
    today, yesterday = now.date(), now.date() - timedelta(days=1)
    counted = month.counts.get(yesterday)
    if counted and month.counted_at and now - month.counted_at < FRESH:
        [sheet] = summaries_of([today])
        return {"Today": (sheet, None), "Yesterday": (summary_from_counts(yesterday, counted), month.counted_at)}
    return dict(zip(("Today", "Yesterday"), ((sheet, None) for sheet in summaries_of([today, yesterday])), strict=True))


def _sheet(name: str, summary: DaySummary, counted_at: datetime | None, state: throttle.State) -> dict[str, Any]:
    mood, words = in_words(summary, state)
    return {"name": name, "balance": summary, "mood": mood, "words": words, "counted_at": counted_at}


def _charts(month: trends.Month) -> dict[str, Any]:
    by_topic, by_source = trends.verdicts_by_topic(month), trends.verdicts_by_source(month)
    return {
        "counted_at": month.counted_at,
        "charts": [
            charts.bars(_("Digests sent"), month.labels, trends.sent_by_day(month), unit=_("Digests a day")),
            charts.bars(_("No digest, by reason"), month.labels, trends.skipped_by_day(month), unit=_("Readers a day")),
            charts.bars(
                _("Bounces, complaints, unsubscribes"),
                month.labels,
                trends.problems_by_day(month),
                unit=_("Readers a day"),
            ),
        ],
        "verdicts": [_verdicts("topic", by_topic), _verdicts("source", by_source)],
    }


def _verdicts(what: str, rows: list[tuple[str, int, int]]) -> charts.Chart:
    more, less = [more for _, more, _ in rows], [less for _, _, less in rows]
    names = [name for name, _, _ in rows]
    return charts.across(f"More and less, by {what}", names, {"more": more, "less": less}, unit="Verdicts in 30 days")


# Acts ----------------------------------------------------------------------------------------------------------------


@require_POST
@staff_only(done_by=Role.SENDER)
def pause(request: HttpRequest) -> HttpResponse:
    """Pause at once, without asking for the password again: a mistake must be stopped quickly."""
    why = shorten(request.POST.get("why", ""), 300) or _("No reason was given.")
    with transaction.atomic():
        is_kept = throttle.pause(why, by=request.user.get_username(), now=timezone.now())
        if is_kept:
            _record(request, f"Paused all digests: {why}")
    if is_kept:
        messages.success(
            request, _("Paused. Each worker finishes the chunk that it is sending now; no other digest leaves.")
        )
    else:
        messages.error(request, _("Sending is paused already, because a backup was restored. Your reason is not kept."))
    return see_other("dashboard_deliveries")


@require_POST
@staff_only(done_by=Role.SENDER, asked_again=True)
def resume(request: HttpRequest) -> HttpResponse:
    """Resume sending, unless it was paused or stopped again since the page was opened."""
    now = current_time(timezone.now())
    with transaction.atomic():
        list(Provider.objects.select_for_update())
        state = throttle.state(now)
        if state.is_open:
            messages.error(request, _("Sending is not paused."))
        elif request.POST.get("seen", "") != _seen(state):
            messages.error(request, _("Not resumed: sending was paused again since you opened the page. Check why."))
        else:
            _resume(request, now)
    return see_other("dashboard_deliveries")


def _resume(request: HttpRequest, now: datetime) -> None:
    try:
        throttle.resume(now=now)
    except throttle.RestoreUnfinished:
        messages.error(request, _("Not resumed: a restore is not finished. The operator runs after_restore first."))
        return
    _record(request, "Resumed all digests")
    messages.success(request, _("Resumed. Digests leave within a minute. Nobody gets one twice."))


@require_POST
@staff_only(done_by=Role.SENDER, asked_again=True)
def try_again(request: HttpRequest) -> HttpResponse:
    now = current_time(timezone.now())
    with transaction.atomic():
        tried = retry.try_again(now)
        if tried:
            _record(request, f"Retried {plural(tried, 'failed digest')}")
    if tried:
        retried = ngettext("%(count)s digest is sent again", "%(count)s digests are sent again", tried)
        messages.success(request, _("%(digests)s within a minute.") % {"digests": retried % {"count": f"{tried:,}"}})
    else:
        messages.error(request, _("No failed digest can be retried."))
    return see_other("dashboard_deliveries")


def _seen(state: throttle.State) -> str:
    """Return the mark of the current pause; the form to resume is valid for that pause only."""
    return "" if state.is_open else f"{state.since or state.held_until}"


def _record(request: HttpRequest, what: str) -> None:
    provider, _ = Provider.objects.get_or_create(name=settings.MAIL_PROVIDER)
    audit_log.record(request.user, provider, what)


# The list, and one of it ---------------------------------------------------------------------------------------------


@require_safe
@staff_only()
def delivery_list(request: HttpRequest) -> HttpResponse:
    """Show the digests of one issue date, those in trouble first. Keyset pagination keeps every page quick."""
    today = current_time(timezone.now()).date()
    asked = request.GET
    day, problem = _day(asked.get("date", ""), today)
    status = asked.get("status", "")
    if status not in ("", *Delivery.Status.values):
        status, problem = "", _("Choose a status from the list.")
    reason = one_line(asked.get("reason", ""))[:20]
    [summary] = summaries_of([day])
    if reason:
        status = Delivery.Status.SKIPPED
    statuses = [status] if status else [one for one in IN_ORDER if one in summary.statuses]
    found = _rows(day, statuses, reason=reason, last=asked.get("in", ""), after=_number(asked.get("after", "")))
    context = {
        "day": day,
        "problem": problem,
        "statuses": Delivery.Status.choices,
        "status": status,
        "reason": reason,
        "reason_text": reason_text(reason),
        "balance": summary,
        "rows": [(row, delivery_text(row)) for row in found[:ROWS]],
        "is_first": not asked.get("after"),
        "next": found[ROWS - 1] if len(found) > ROWS else None,
        **HERE,
    }
    return page(request, "delivery_list", context, status=422 if problem else 200)


def _rows(day: date, statuses: Sequence[str], *, reason: str, last: str, after: int) -> list[Delivery]:
    """Return the rows of a page and one more, beginning after row ``after`` of status ``last``.

    One short query per status: with all statuses at once the database would sort a day's 100,000 rows or read all days.
    """
    found: list[Delivery] = []
    for status in statuses[statuses.index(last) if last in statuses else 0 :]:
        rows = Delivery.objects.filter(issue_date=day, status=status).select_related("subscriber").order_by("pk")
        if reason:
            rows = rows.filter(status_reason=reason)
        if status == last:
            rows = rows.filter(pk__gt=after)
        found += rows[: ROWS + 1 - len(found)]
        if len(found) > ROWS:
            break
    return found


def _day(given: str, today: date) -> tuple[date, str]:
    if not given:
        return today, ""
    try:
        return date.fromisoformat(given), ""
    except ValueError:
        return today, _("Write the date as year, month and day, such as 2026-11-28.")


def _number(given: str) -> int:
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 16 else 0


@require_safe
@staff_only()
def delivery(request: HttpRequest, number: int) -> HttpResponse:
    """Show the log of one digest; its papers and reasons, which tell what the reader likes, to privacy only."""
    row = get_object_or_404(Delivery.objects.select_related("subscriber", "edition", "content"), pk=min(number, 2**62))
    context: dict[str, Any] = {
        "row": row,
        "steps": log_of(row),
        "votes_read_at": parse_datetime(row.record.votes_read_at) if row.record else None,
        **HERE,
    }
    if Role.PRIVACY in roles_of(request.user) or is_invented(row.subscriber):
        chosen = [paper.rounded(3) for paper in explained_papers(row)]
        context |= {"chosen": chosen, "has_reasons": row.record is not None, "may_see_papers": True}
    return page(request, "delivery", context)


urlpatterns = [
    path("deliveries", deliveries, name="dashboard_deliveries"),
    path("deliveries/list", delivery_list, name="dashboard_delivery_list"),
    path("deliveries/<int:number>", delivery, name="dashboard_delivery"),
    path("deliveries/pause", pause, name="dashboard_pause"),
    path("deliveries/resume", resume, name="dashboard_resume"),
    path("deliveries/try-again", try_again, name="dashboard_try_again"),
]
