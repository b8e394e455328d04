"""The sitemap for search engines: an index at ``/sitemap.xml``, and a file for each part of each section."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.db.models import Exists, Max, OuterRef
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from digest.models import Edition, EditionPaper, Paper
from digest.web.papers.cards import path_of
from digest.web.periods import Kind, Period
from subscriptions.models import Topic

PART = 2500  # rows of papers in one file, made within a tenth of a second; the protocol allows 50,000 addresses
SCHEMA = "http://www.sitemaps.org/schemas/sitemap/0.9"
Entries = Iterable[tuple[str, date | None]]  # a path, and when the page last changed


@dataclass(frozen=True, slots=True)
class Section:
    """Pages of one kind. ``entries`` returns those of a part (from 1), of which there are ``parts()``."""

    entries: Callable[[int, datetime], Entries]
    parts: Callable[[], int] = lambda: 1


def _pages(_part: int, _now: datetime) -> Entries:
    newest = Edition.objects.values_list("date", flat=True).first()
    yield reverse("home"), newest
    for name in ("topics", "sign_up", "about", "privacy"):
        yield reverse(name), None


def _periods(_part: int, _now: datetime) -> Entries:
    """Yield the days, weeks and months that have editions, each with its newest one."""
    days = list(Edition.objects.order_by("date").values_list("date", flat=True))
    kinds: tuple[Kind, ...] = ("day", "week", "month")
    for kind in kinds:
        yield from {Period.around(day, kind).path: day for day in days}.items()


def _topics(_part: int, _now: datetime) -> Entries:
    for slug in Topic.objects.filter(offered=True).values_list("slug", flat=True):
        yield reverse("topic", args=[slug]), None


def _papers(part: int, now: datetime) -> Entries:
    shown = EditionPaper.objects.filter(paper=OuterRef("pk")).shown(now)
    rows = Paper.objects.filter(Exists(shown), pk__gt=(part - 1) * PART, pk__lte=part * PART)
    for paper in rows.annotate(last=Max("candidacies__edition__date")).only("identifier").order_by("pk"):
        yield path_of(paper), paper.last


def _parts_of_papers() -> int:
    return (Paper.objects.aggregate(last=Max("pk"))["last"] or 0) // PART + 1


SECTIONS = {
    "pages": Section(_pages),
    "days": Section(_periods),
    "topics": Section(_topics),
    "papers": Section(_papers, _parts_of_papers),
}


@require_safe
@cache_control(public=True, max_age=3600)
def index(request: HttpRequest) -> HttpResponse:
    """List the files of all sections."""
    paths = [
        reverse("sitemap_part", args=[name, part])
        for name, section in SECTIONS.items()
        for part in range(1, section.parts() + 1)
    ]
    return _xml("sitemapindex", "sitemap", [(path, None) for path in paths])


@require_safe
@cache_control(public=True, max_age=3600)
def part(request: HttpRequest, section: str, number: str) -> HttpResponse:
    """List the pages of one part of a section; raise Http404 for a part that is not there."""
    found = SECTIONS.get(section)
    if found is None or not 1 <= int(number) <= found.parts():
        raise Http404("no such part")
    return _xml("urlset", "url", found.entries(int(number), timezone.now()))


def _xml(root: str, tag: str, entries: Entries) -> HttpResponse:
    rows = (
        f"<{tag}><loc>{escape(settings.SITE_URL + path)}</loc>"
        f"{f'<lastmod>{day.isoformat()}</lastmod>' if day else ''}</{tag}>"
        for path, day in entries
    )
    body = ['<?xml version="1.0" encoding="UTF-8"?>', f'<{root} xmlns="{SCHEMA}">', *rows, f"</{root}>", ""]
    return HttpResponse("\n".join(body), content_type="application/xml; charset=utf-8")
