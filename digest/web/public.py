"""Public pages: home, days, search."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from digest.editions import search
from digest.models import Edition, EditionPaper
from digest.ranking.trending import GRACE_HOURS, GRAVITY
from digest.web.cards import page_cards
from subscriptions.web.forms import SignUpForm

SHOWN = 25


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the sign-up form and the latest edition's papers, most trending first."""
    edition = Edition.objects.first()
    return render(request, "home.html", {"form": SignUpForm(now=timezone.now()), **_edition_page(request, edition)})


@require_safe
def day(request: HttpRequest, day: str) -> HttpResponse:
    """Show an edition's papers, most trending first; a day without one links to the nearest ones."""
    try:
        wanted = date.fromisoformat(day)
    except ValueError:  # such as 31 February
        return render(request, "no_day.html", {"day": None}, status=404)
    if edition := Edition.objects.filter(date=wanted).first():
        return render(request, "day.html", _edition_page(request, edition))
    return render(request, "no_day.html", {"day": wanted, **_days_around(wanted)}, status=404)


@require_safe
def search_page(request: HttpRequest) -> HttpResponse:
    """Show papers of all editions that contain all words of ``q``, best match first."""
    now = timezone.now()
    found = search.search(request.GET.get("q", ""), now=now)
    page = _page(request, found.papers)
    newest = {
        row.paper_id: row
        for row in EditionPaper.objects.filter(paper__in=list(page))
        .shown(now)
        .select_related("paper", "edition")
        .order_by("edition__date")
    }
    rows = [newest[paper_id] for paper_id in page if paper_id in newest]
    papers = [(one, row.edition) for one, row in zip(page_cards(rows), rows, strict=True)]
    context = {"q": " ".join(found.words), "found": found, "page": page, "papers": papers}
    return render(request, "search.html", context)


def _edition_page(request: HttpRequest, edition: Edition | None) -> dict[str, object]:
    """Return the context of an edition's page: the papers of page ``page``, and the editions before and after."""
    if edition is None:
        return {"edition": None}
    rows = edition.candidates.shown(timezone.now()).most_trending_first().select_related("paper")
    page = _page(request, rows)
    return {
        "edition": edition,
        "papers": page_cards(page),
        "page": page,
        "formula": {"gravity": GRAVITY, "grace": int(GRACE_HOURS)},
        **_days_around(edition.date),
    }


def _days_around(day: date) -> dict[str, Edition | None]:
    """Return the editions before and after a day."""
    return {
        "earlier": Edition.objects.filter(date__lt=day).order_by("-date").first(),
        "later": Edition.objects.filter(date__gt=day).order_by("date").first(),
    }


def _page(request: HttpRequest, rows: Any) -> Page:
    """Return the requested page; the first or the last one for an invalid number."""
    return Paginator(rows, SHOWN).get_page(request.GET.get("page"))
