"""What the page of a day, week or month shows: papers by the page, topics to filter by, and where to go from there."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Max, Min, Q
from django.http import Http404, HttpRequest

from digest.compose.emails import letters_of
from digest.editions.public_list import Days, PublicList, public_list, topics_of
from digest.models import Edition
from digest.ranking.trending import GRACE_HOURS, GRAVITY
from digest.web.papers.acts import acts_for
from digest.web.papers.cards import page_cards
from digest.web.papers.structured_data import item_list
from digest.web.periods import Period
from subscriptions.models import Topic
from subscriptions.topic_names import topic_named
from subscriptions.web.sessions import reader_of

SHOWN = 25


def list_context(request: HttpRequest, period: Period, *, now: datetime) -> dict[str, Any]:
    """Return the context of a list of papers; raise Http404 for an unknown topic. A fixed number of queries."""
    topic = _topic(request)
    days = Days.between(period.first, period.last, now=now)
    found = public_list(days, topic=topic)
    page = _page(request, found)
    picked = [one.row for one in found.picks] if page.number == 1 else []
    acts = acts_for(reader_of(request), (row.paper for row in (*picked, *page)))
    picks, papers = page_cards(picked, acts), page_cards(page, acts)
    around = neighbours(period)
    latest = around["latest"]
    return {
        "period": period,
        "periods": [period.of_kind(kind, latest=latest) for kind in ("day", "week", "month")],
        "picks": [(one, picked.note) for one, picked in zip(picks, found.picks, strict=False)],
        "letter": letters_of([period.first]).get(period.first) if period.kind == "day" and page.number == 1 else None,
        "papers": papers,
        "page": page,
        "order": "trending" if found.voted == found.count else "mixed" if found.voted else "own",
        "topic": topic,
        "topics": topics_of(days),
        "keep": urlencode({"topic": topic.slug}) if topic else "",
        "structured": item_list([*picks, *papers], first=page.start_index()),
        # further pages and filtered ones have no address of their own for search engines
        "canonical": period.path if page.number == 1 and not topic else "",
        "formula": {"gravity": GRAVITY, "grace": int(GRACE_HOURS)},
        **around,
    }


def neighbours(period: Period) -> dict[str, Any]:
    """Return the periods of the nearest editions before and after, and the day of the latest edition within."""
    nearest: dict[str, Any] = {
        "earlier": Max("date", filter=Q(date__lt=period.first)),
        "later": Min("date", filter=Q(date__gt=period.last)),
        "latest": Max("date", filter=Q(date__range=(period.first, period.last))),
    }
    found = Edition.objects.aggregate(**nearest)
    around = {name: found[name] and Period.around(found[name], period.kind) for name in ("earlier", "later")}
    return {**around, "latest": found["latest"] or period.last}


def _topic(request: HttpRequest) -> Topic | None:
    """Return the topic of ``?topic=``; raise Http404 for an unknown one."""
    if not (slug := request.GET.get("topic", "")):
        return None
    if (topic := topic_named(slug)) is None:
        raise Http404("no such topic")
    return topic


def _page(request: HttpRequest, found: PublicList) -> Page:
    """Return the requested page; the first or the last one for an invalid number."""
    rows: Any = found  # it is only sliced: its papers are counted already
    paginator = Paginator(rows, SHOWN)
    paginator.count = found.count
    return paginator.get_page(request.GET.get("page"))
