"""Pages of topics: all of them by group, and the week's papers of one with its chart and a subscribe box."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from digest import charts
from digest.editions.public_list import Days, public_list, topics_of
from digest.models import Edition
from digest.web.own.page_feedback import acts_context
from digest.web.papers.acts import acts_for
from digest.web.papers.cards import page_cards
from subscriptions.models import Topic
from subscriptions.topic_names import topic_named
from subscriptions.web.forms import SignUpForm
from subscriptions.web.sessions import reader_of, readers_own

SHOWN = 25  # papers on one page
WEEK, MONTH = timedelta(days=6), timedelta(days=30)  # before the last day, and with it


@require_safe
def topics(request: HttpRequest) -> HttpResponse:
    """List the topics on offer by group, each with the number of its papers of the last week."""
    newest = _newest_day()
    found = topics_of(Days.between(newest - WEEK, newest, now=timezone.now())) if newest else []
    counts = {topic.pk: count for topic, count in found}
    rows = [(topic, counts.get(topic.pk, 0)) for topic in Topic.objects.filter(offered=True)]
    groups = [(group, list(some)) for group, some in groupby(rows, key=lambda row: row[0].group)]
    return render(request, "topics.html", {"groups": groups, "canonical": reverse("topics")})


@readers_own
@require_safe
def topic_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one topic; another name of it leads to its address."""
    topic = topic_named(slug)
    if topic is None:
        raise Http404("no such topic")
    if slug != topic.slug:
        return HttpResponseRedirect(reverse("topic", args=[topic.slug]))
    now, newest = timezone.now(), _newest_day()
    last = newest or now.date()
    month = Days.between(last - timedelta(days=MONTH.days - 1), last, now=now)
    found = public_list(month.since(last - WEEK), topic=topic)
    rows: Any = found  # it gives slices of itself, which is all that is asked of it
    paginator = Paginator(rows, SHOWN)
    paginator.count = found.count  # counted already, with those that have votes
    page = paginator.get_page(request.GET.get("page"))
    picks = [picked.row for picked in found.picks] if page.number == 1 else []
    reader = reader_of(request)
    acts = acts_for(reader, (row.paper for row in (*picks, *page)))
    context = {
        "topic": topic,
        "page": page,
        "picks": [(one, picked.note) for one, picked in zip(page_cards(picks, acts), found.picks, strict=False)],
        "papers": list(zip(page_cards(page, acts), (row.edition.date for row in page), strict=True)),
        "chart": chart_of(topic, month) if newest else None,
        "form": SignUpForm(now=now),
        "canonical": reverse("topic", args=[slug]),
        **acts_context(request, reader),
    }
    return render(request, "topic.html", context)


def _newest_day() -> date | None:
    return Edition.objects.values_list("date", flat=True).first()


def chart_of(topic: Topic, month: Days) -> charts.Chart:
    """Return the number of papers with the topic in the editions of these 30 days."""
    counts = {edition.date: month.by_edition[edition.pk][topic.pk] for edition in month.editions}
    days = [month.first + timedelta(days=ahead) for ahead in range(MONTH.days)]
    labels = [f"{day.day} {day:%b}" for day in days]
    values = {_("papers"): [max(0, counts.get(day, 0)) for day in days]}
    return charts.bars(_("Papers a day"), labels, values, unit=_("Papers"), narrow=True)
