"""Pages about readers: consent, deliveries, preferences and reasons; suppress, lift, export and erase one."""

from __future__ import annotations

import json
from contextlib import suppress as suppress_error
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from digest import charts
from digest.compose.phrases import plural, shorten
from digest.dashboard import audit_log, reader_list
from digest.dashboard.auth.roles import Role
from digest.dashboard.pages import page, staff_only
from digest.dashboard.reader_list import ReaderFilters
from digest.delivery.staff_texts import delivery_text
from digest.editions.current_time import current_time
from digest.models import Verdict
from digest.reader_data.erase import erase
from digest.reader_data.export import everything_of
from digest.stats import trends
from digest.stats.explained import explained_papers
from subscriptions import consent, lookup, topic_counts
from subscriptions.consent_record import proof_of
from subscriptions.mail.rendering import one_line
from subscriptions.models import Subscriber, Suppression
from subscriptions.web.decorators import posted_from, see_other

ROWS = 14  # deliveries per page
WHY = 300  # letters of a reason
HERE = {"here": "dashboard_readers"}


@require_safe
@staff_only(seen_by=Role.PRIVACY)
def readers(request: HttpRequest) -> HttpResponse:
    """Show the readers that the filters select, page by page, and how their number grows."""
    filters = ReaderFilters(request.GET)
    found = filters.readers()
    rows, after = reader_list.page_of(found, request.GET.get("after", ""))
    query = {name: request.GET.get(name, "")[:253] for name in filters.fields if request.GET.get(name)}
    today = current_time(timezone.now()).date()
    listed = {
        "filters": filters,
        "count": found.count(),
        "rows": [(one, one.is_paused(today)) for one in rows],
        "next": urlencode({**query, "after": after}) if after else "",
        "query": urlencode(query),
        "is_later": "after" in request.GET,
        "history": audit_log.latest(Subscriber),
    }
    return page(request, "readers", listed | _growth(), status=200 if filters.is_valid() else 422)


@require_POST
@staff_only(seen_by=Role.PRIVACY, done_by=Role.PRIVACY, asked_again=True)
def readers_csv(request: HttpRequest) -> HttpResponse:
    """Return the readers that the filters select as a CSV file, with their addresses."""
    filters = ReaderFilters(request.POST)
    if not filters.is_valid():
        messages.error(request, _("No file was made: the filters are wrong. Show the list first."))
        return see_other("dashboard_readers")
    found, now = filters.readers(), timezone.now()
    audit_log.record(request.user, Subscriber, f"Took {plural(found.count(), 'reader')} as CSV: {filters.in_words()}")
    return HttpResponse(
        reader_list.csv_lines(found.iterator(chunk_size=1000)),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="readers-{now:%Y-%m-%d}.csv"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )


def _growth() -> dict[str, Any]:
    month = trends.last_month(current_time(timezone.now()).date())
    wanted = topic_counts.most_wanted(trends.MOST_NAMES)
    names, numbers = [topic.name for topic in wanted], [topic.wanted for topic in wanted]
    return {
        "counted_at": month.counted_at,
        "charts": [
            charts.bars(_("New and lost readers"), month.labels, trends.growth_by_day(month), unit=_("People a day")),
            charts.bars(_("Readers on the list"), month.labels, trends.readers_by_day(month), unit=_("Readers")),
            charts.across(_("Readers by topic"), names, {_("readers"): numbers}, unit=_("Readers now")),
        ],
    }


@posted_from("dashboard_readers")
@staff_only(seen_by=Role.PRIVACY)
def find_readers_page(request: HttpRequest) -> HttpResponse:
    """Find readers; by POST, so that an address is in no log and no browser history."""
    words = one_line(request.POST.get("who", ""))[:254]
    found = lookup.find_readers(words)
    if len(found) == 1:
        return _to(found[0])
    is_address = _is_address(words)
    context = {
        **HERE,
        "words": words,
        "found": [(reader, _stands(reader)) for reader in found[: lookup.MOST]],
        "is_cut": len(found) > lookup.MOST,
        "shortest": lookup.SHORTEST,
        "is_too_short": len(words) < lookup.SHORTEST,
        "is_address": is_address,
        "suppression": lookup.suppression_of(words) if is_address else None,
    }
    return page(request, "found", context)


def _stands(reader: Subscriber) -> str:
    return str(reader.get_status_display())


def _is_address(words: str) -> bool:
    try:
        validate_email(words)
    except ValidationError:
        return False
    return True


@require_safe
@staff_only(seen_by=Role.PRIVACY)
def reader(request: HttpRequest, public_id: str) -> HttpResponse:
    return _page_of(request, _known(public_id))


def _known(public_id: str) -> Subscriber:
    return get_object_or_404(Subscriber, public_id=public_id)


def _page_of(request: HttpRequest, one: Subscriber, *, problem: str = "", about: str = "") -> HttpResponse:
    """Render everything about one reader; ``problem`` is the error of the form ``about``."""
    now = current_time(timezone.now())
    suppression = lookup.suppression_of(one.email)
    rows = list(_receipts(one, request.GET.get("before", "")))
    last = next((row for row in rows if row.paper_count), None)
    mood, words = lookup.standing_in_words(one, suppression, now=now)
    context = {
        "reader": one,
        "is_erased": one.status == Subscriber.Status.ERASED,
        "mood": mood,
        "words": words,
        "rhythm": lookup.rhythm_of(one),
        "wishes": lookup.wishes_of(one),
        "verdicts": _verdicts(one),
        "suppression": suppression,
        "receipts": [(row, delivery_text(row)) for row in rows[:ROWS]],
        "earlier": rows[ROWS - 1].issue_date if len(rows) > ROWS else None,
        "last": last,
        "chosen": [paper.rounded(3) for paper in explained_papers(last)] if last else [],
        "has_reasons": bool(last and last.record),
        "proof": proof_of(one.public_id),
        "lines": audit_log.entries_about(one),
        "problem": problem,
        "about": about,
        **HERE,
    }
    return page(request, "reader", context, status=422 if problem else 200)


def _receipts(one: Subscriber, before: str) -> Any:
    rows = one.deliveries.digests().order_by("-issue_date")
    # a wrong date shows the newest page
    with suppress_error(ValueError):
        rows = rows.filter(issue_date__lt=date.fromisoformat(before)) if before else rows
    return rows[: ROWS + 1]


def _verdicts(one: Subscriber) -> list[tuple[str, int]]:
    given = list(one.verdicts.values_list("value", flat=True))
    return [(str(value.label), given.count(value)) for value in Verdict.Value]


# Acts ----------------------------------------------------------------------------------------------------------------


@posted_from("dashboard_reader", "public_id")
@staff_only(seen_by=Role.PRIVACY, done_by=Role.PRIVACY, asked_again=True)
def suppress(request: HttpRequest, public_id: str) -> HttpResponse:
    one = _known(public_id)
    if not (why := shorten(request.POST.get("why", ""), WHY)):
        return _page_of(request, one, about="suppress", problem=_("Write why this reader gets no mail."))
    if one.status == Subscriber.Status.ERASED:
        return _page_of(request, one, about="suppress", problem=_("This reader was erased and has no address."))
    now = timezone.now()
    with transaction.atomic():
        consent.suppress(one.email, reason=Suppression.Reason.BY_HAND, now=now, why=why)
        audit_log.record(request.user, one, "Suppressed; why is kept with the suppression")
    messages.success(request, _("Suppressed. This address gets no more mail."))
    return _to(one)


@posted_from("dashboard_reader", "public_id")
@staff_only(seen_by=Role.PRIVACY, done_by=Role.PRIVACY, asked_again=True)
def lift(request: HttpRequest, public_id: str) -> HttpResponse:
    one = _known(public_id)
    if not (why := shorten(request.POST.get("why", ""), WHY)):
        return _page_of(request, one, about="lift", problem=_("Write why this reader may get mail again."))
    with transaction.atomic():
        lifted = bool(one.email) and consent.lift(
            one.email, by=request.user.get_username(), why=why, now=timezone.now()
        )
        if lifted:
            audit_log.record(request.user, one, "Lifted the suppression; why is kept with it")
    if lifted:
        messages.success(request, _("Lifted. This address can get mail again. Nobody was subscribed."))
    else:
        messages.error(request, _("Nothing was lifted: this address is not suppressed."))
    return _to(one)


@require_POST
@staff_only(seen_by=Role.PRIVACY, done_by=Role.PRIVACY, asked_again=True)
def export_reader(request: HttpRequest, public_id: str) -> HttpResponse:
    """Return all data about a reader, as the JSON file that readers can download themselves."""
    one = _known(public_id)
    with transaction.atomic():
        body = json.dumps(everything_of(one, now=timezone.now()), ensure_ascii=False, indent=2)
        audit_log.record(request.user, one, "Exported all that is kept")
    return HttpResponse(
        body.encode("utf-8", "replace"),
        content_type="application/json",
        headers={
            "Content-Disposition": f'attachment; filename="broadsheet-{one.public_id}.json"',
            "X-Content-Type-Options": "nosniff",
        },
    )


@posted_from("dashboard_reader", "public_id")
@staff_only(seen_by=Role.PRIVACY, done_by=Role.PRIVACY, asked_again=True)
def erase_page(request: HttpRequest, public_id: str) -> HttpResponse:
    one = _known(public_id)
    if request.POST.get("number", "").strip() != one.public_id:
        problem = _("Nothing was erased. Type the reader’s number exactly as shown under About.")
        return _page_of(request, one, about="erase", problem=problem)
    with transaction.atomic():
        erased = erase(one, now=timezone.now())
        if erased:
            audit_log.record(request.user, one, "Erased")
    if erased:
        messages.success(request, _("Erased. All personal data of this reader is deleted."))
    else:
        messages.error(request, _("Nothing was erased: this reader was erased before."))
    return _to(one)


@require_POST
@staff_only(seen_by=Role.PRIVACY, done_by=Role.PRIVACY, asked_again=True)
def change_address(request: HttpRequest) -> HttpResponse:
    """Suppress an address without a reader, or lift that: of an erased reader, or of a person who wants no mail."""
    address, why = one_line(request.POST.get("address", ""))[:254], shorten(request.POST.get("why", ""), WHY)
    if not _is_address(address) or not why:
        messages.error(request, _("Nothing was changed. Find the address again, and give a reason."))
        return see_other("dashboard_readers")
    now, by = timezone.now(), request.user.get_username()
    with transaction.atomic():
        if request.POST.get("act") == "lift":
            done = "Lifted the suppression" if consent.lift(address, by=by, why=why, now=now) else ""
        else:
            consent.suppress(address, reason=Suppression.Reason.BY_HAND, now=now, why=why)
            done = "Suppressed an address without a reader"
        if done and (row := lookup.suppression_of(address)):
            audit_log.record(request.user, row, f"{done}; why is kept with it")
    if done:
        messages.success(request, _("%(done)s. Nobody was subscribed or notified.") % {"done": done})
    else:
        messages.error(request, _("Nothing was lifted: this address is not suppressed."))
    return see_other("dashboard_readers")


def _to(one: Subscriber) -> HttpResponse:
    return HttpResponseRedirect(reverse("dashboard_reader", args=[one.public_id]), status=303)


urlpatterns = [
    path("readers", readers, name="dashboard_readers"),
    path("readers/address", change_address, name="dashboard_change_address"),
    path("readers/csv", readers_csv, name="dashboard_readers_csv"),
    path("readers/find", find_readers_page, name="dashboard_find_reader"),
    path("readers/<str:public_id>", reader, name="dashboard_reader"),
    path("readers/<str:public_id>/suppress", suppress, name="dashboard_suppress"),
    path("readers/<str:public_id>/lift", lift, name="dashboard_lift"),
    path("readers/<str:public_id>/export", export_reader, name="dashboard_export"),
    path("readers/<str:public_id>/erase", erase_page, name="dashboard_erase"),
]
