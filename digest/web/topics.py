"""Pages of topics: all of them by group, and the week's papers of one with its chart and a subscribe box."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

from django.core.paginator import Paginator
from django.db.models import Count, Exists, OuterRef
from django.db.models.functions import TruncDate
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from digest import charts
from digest.models import Edition, EditionPaper, EditionPaperQuerySet, Paper
from digest.web.cards import page_cards
from subscriptions.models import Topic
from subscriptions.topic_names import topic_named
from subscriptions.web.forms import SignUpForm

SHOWN = 25  # papers on one page
WEEK, MONTH = timedelta(days=7), timedelta(days=30)
Tagged = Paper.topics.through


@require_safe
def topics(request: HttpRequest) -> HttpResponse:
    """List the topics on offer by group, each with the number of its papers of the last week."""
    newest = Edition.objects.first()
    counts = _papers_of_the_week(newest.date) if newest else {}
    rows = [(topic, counts.get(topic.pk, 0)) for topic in Topic.objects.filter(offered=True)]
    groups = [(group, list(some)) for group, some in groupby(rows, key=lambda row: row[0].group)]
    return render(request, "topics.html", {"groups": groups, "canonical": reverse("topics")})


@require_safe
def topic_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one topic; another name of it leads to its address."""
    topic = topic_named(slug)
    if topic is None:
        raise Http404("no such topic")
    if slug != topic.slug:
        return HttpResponseRedirect(reverse("topic", args=[topic.slug]))
    now, newest = timezone.now(), Edition.objects.first()
    found = _week_of(topic, newest.date, now) if newest else EditionPaper.objects.none()
    page = Paginator(found, SHOWN).get_page(request.GET.get("page"))
    rows = list(page)
    context = {
        "topic": topic,
        "page": page,
        "papers": [(one, row.edition.date) for one, row in zip(page_cards(rows), rows, strict=True)],
        "chart": chart_of(topic, newest.date) if newest else None,
        "form": SignUpForm(now=now),
        "canonical": reverse("topic", args=[slug]),
    }
    return render(request, "topic.html", context)


def _week_of(topic: Topic, last: date, now: datetime) -> EditionPaperQuerySet:
    """Return the papers of the week's editions that have the topic, each in its newest edition, most trending first."""
    week = EditionPaper.objects.filter(edition__date__gt=last - WEEK, edition__date__lte=last)
    later = week.filter(paper=OuterRef("paper"), edition__date__gt=OuterRef("edition__date"))
    rows = week.filter(Exists(Tagged.objects.filter(paper=OuterRef("paper"), topic=topic)), ~Exists(later))
    return rows.shown(now).most_trending_first().select_related("paper", "edition")


def _papers_of_the_week(last: date) -> dict[int, int]:
    """Return the number of papers in the week's editions by topic."""
    week = EditionPaper.objects.filter(edition__date__gt=last - WEEK, edition__date__lte=last, paper=OuterRef("paper"))
    rows = Tagged.objects.filter(Exists(week)).order_by().values_list("topic").annotate(count=Count("pk"))
    return dict(rows)


def chart_of(topic: Topic, last: date) -> charts.Chart:
    """Return the number of new papers with the topic on each of the 30 days until ``last``. One query."""
    days = [last - timedelta(days=back) for back in reversed(range(MONTH.days))]
    begin, end = (datetime.combine(day, time(), UTC) for day in (days[0], last + timedelta(days=1)))
    seen = Paper.objects.filter(first_seen_at__gte=begin, first_seen_at__lt=end, topics=topic)
    by_day = seen.annotate(day=TruncDate("first_seen_at", tzinfo=UTC)).order_by().values_list("day")
    counts = dict(by_day.annotate(count=Count("pk")))
    title = _("New papers a day")
    labels = [f"{day.day} {day:%b}" for day in days]
    return charts.bars(
        title, labels, {_("papers"): [counts.get(day, 0) for day in days]}, unit=_("Papers"), narrow=True
    )
