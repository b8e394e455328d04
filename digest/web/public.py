"""Public pages: home, the papers of a day, week or month, search."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from digest.editions import search
from digest.models import Edition, EditionPaper
from digest.web.cards import page_cards
from digest.web.own_day import own_day
from digest.web.paper_lists import list_context, neighbours
from digest.web.periods import Period
from subscriptions.web.forms import SignUpForm
from subscriptions.web.sessions import reader_of

SHOWN = 25


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show one line to subscribe and the latest edition's papers; to a signed-in reader their own day first."""
    now = timezone.now()
    edition = Edition.objects.first()
    context: dict[str, Any] = {"period": None, "canonical": reverse("home")}
    if edition:
        context |= list_context(request, Period.around(edition.date, "day"), now=now)
    if (reader := reader_of(request)) is None:
        return render(request, "home.html", context | {"form": SignUpForm(now=now), "own": None})
    response = render(request, "home.html", context | {"own": own_day(reader, now=now)})
    response["Cache-Control"] = "no-store"
    return response


@require_safe
def period(request: HttpRequest, name: str) -> HttpResponse:
    """Show the papers of a day, week or month; one without editions links to the nearest ones."""
    now = timezone.now()
    try:
        wanted = Period.named(name)
    except ValueError:  # such as 31 February
        return render(request, "no_day.html", {"period": None}, status=404)
    if not Edition.objects.filter(date__range=(wanted.first, wanted.last)).exists():
        return render(request, "no_day.html", {"period": wanted, **neighbours(wanted)}, status=404)
    context = list_context(request, wanted, now=now) | {"form": SignUpForm(now=now)}
    is_whole = context["page"].number == 1 and not context["topic"]
    return render(request, "period.html", context | {"canonical": wanted.path if is_whole else ""})


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


def _page(request: HttpRequest, rows: Any) -> Page:
    """Return the requested page; the first or the last one for an invalid number."""
    return Paginator(rows, SHOWN).get_page(request.GET.get("page"))
