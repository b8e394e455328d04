"""Pages of a signed-in reader: receipts, feedback given, export and erasure of their data."""

from __future__ import annotations

import json
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from digest.compose.card import TITLE_LENGTH, safe_link
from digest.compose.phrases import shorten
from digest.delivery.reader_texts import reason_text, status_text
from digest.models import Delivery, Verdict
from digest.reader_data.erase import erase
from digest.reader_data.export import everything_of
from subscriptions.models import Subscriber
from subscriptions.rate_limits import too_many
from subscriptions.schedule import local_date
from subscriptions.tokens import WEB_COPY, token_for
from subscriptions.web.fresh_link import needs_fresh_link
from subscriptions.web.sessions import reader_page

ROWS = 60  # on one page


@require_safe
@reader_page
def receipts(request: HttpRequest, *, reader: Subscriber) -> HttpResponse:
    """Show for each issue date what was sent, or why nothing was."""
    rows = reader.deliveries.digests().select_related("content").order_by("-issue_date", "-pk")
    page = Paginator(rows, ROWS).get_page(request.GET.get("page"))
    return render(request, "receipts.html", {"page": page, "receipts": [_receipt(row) for row in page]})


def _receipt(row: Delivery) -> dict[str, Any]:
    is_sent = row.status in Delivery.SENT
    empty_reason = row.empty_reason if is_sent else ""
    return {
        "date": row.issue_date,
        "is_sent": is_sent,
        "became": status_text(row),
        "why_nothing": reason_text(empty_reason),
        "papers": row.paper_count if is_sent else 0,
        "subject": row.subject if is_sent else "",
        "read": _copy_path(row) if is_sent and (row.paper_count or empty_reason) else "",
    }


def _copy_path(row: Delivery) -> str:
    return reverse("web_copy", args=[token_for(WEB_COPY, row.subscriber, day=row.issue_date)])


@require_http_methods(["GET", "HEAD", "POST"])
@reader_page
def verdicts(request: HttpRequest, *, reader: Subscriber) -> HttpResponse:
    """Show the papers that a reader asked for more or less of; each can be undone."""
    taken_back = None
    if request.method == "POST":
        if too_many(request, "preferences"):
            return render(request, "429.html", status=429)
        number = request.POST.get("verdict", "")
        if number.isascii() and number.isdecimal() and len(number) < 16:
            taken_back = reader.verdicts.select_related("paper").filter(pk=int(number)).first()
            reader.verdicts.filter(pk=int(number)).delete()
    rows = reader.verdicts.select_related("paper").order_by("-given_at", "-pk")
    page = Paginator(rows, ROWS).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "verdicts": [_judged(row) for row in page],
        "taken_back": taken_back and _judged(taken_back),
    }
    return render(request, "verdicts.html", context)


def _judged(row: Verdict) -> dict[str, Any]:
    return {
        "number": row.pk,
        "title": shorten(row.paper.title, TITLE_LENGTH),
        "link": safe_link(row.paper.url),
        "value": Verdict.Value(row.value).label,
        "date": row.given_at.date(),
    }


@require_safe
@reader_page
@needs_fresh_link("export")
def export(request: HttpRequest, *, reader: Subscriber) -> HttpResponse:
    """Return everything that is stored about a reader as a JSON file."""
    now = timezone.now()
    body = json.dumps(everything_of(reader, now=now), ensure_ascii=False, indent=2)
    name = f"broadsheet-{local_date(reader.zone, now)}.json"
    return HttpResponse(
        body.encode("utf-8", "replace"),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@reader_page
@needs_fresh_link("erase")
def erase_page(request: HttpRequest, *, reader: Subscriber) -> HttpResponse:
    """Explain what erasing does; erase on a POST with the box ticked."""
    if request.method != "POST":
        return render(request, "erase.html", {"problem": ""})
    if too_many(request, "erase"):
        return render(request, "429.html", status=429)
    if request.POST.get("sure") != "yes":
        problem = _("Tick the box if you are sure, then click the button again.")
        return render(request, "erase.html", {"problem": problem}, status=422)
    erase(reader, now=timezone.now())
    request.session.flush()  # deletes the session's row and cookie
    return render(request, "erased.html")
