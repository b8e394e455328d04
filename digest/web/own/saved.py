"""A reader's saved papers: their page, their export for reference managers, and a feed by a revocable address."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from digest.citations.reference import with_distinct_keys
from digest.compose.card import TITLE_LENGTH, safe_link
from digest.compose.phrases import shorten
from digest.models import Paper, SavedFeed, SavedPaper
from digest.reader_data import saved
from digest.web.papers.cards import path_of
from digest.web.papers.facts import reference_of
from digest.web.papers.reference_formats import FORMATS
from subscriptions.mail.rendering import printable
from subscriptions.models import Subscriber
from subscriptions.rate_limits import too_many
from subscriptions.web.decorators import see_other
from subscriptions.web.fresh_link import ask_page
from subscriptions.web.sessions import is_fresh, reader_page

ROWS = 60  # on one page
IN_FEED = 50  # the latest
AUTHORS = 5  # of one paper on the page
DONE = {
    "revoked": gettext_lazy("The old address of the feed no longer works."),
    "opened": gettext_lazy("Your saved papers have a feed. Whoever has its address can read them."),
}


@require_http_methods(["GET", "HEAD", "POST"])
@reader_page
def saved_page(request: HttpRequest, *, reader: Subscriber) -> HttpResponse:
    """Show what a reader saved; remove a paper, open the feed or revoke its address."""
    if request.method == "POST":
        return _change(request, reader)
    page = Paginator(_rows(reader), ROWS).get_page(request.GET.get("page"))
    feed = SavedFeed.objects.filter(subscriber=reader).first()
    context = {
        "page": page,
        "papers": [_shown(row) for row in page],
        "has_feed": feed is not None,
        "feed": settings.SITE_URL + _feed_path(feed) if feed and is_fresh(request) else "",
        "done": DONE.get(request.GET.get("done", ""), ""),
        "exports": [(format, reverse("saved_export", args=[format])) for format in FORMATS],
    }
    return render(request, "saved.html", context)


def _change(request: HttpRequest, reader: Subscriber) -> HttpResponse:
    if too_many(request, "preferences"):
        return render(request, "429.html", status=429)
    do, number = request.POST.get("do", ""), request.POST.get("paper", "")
    if do == "open":
        if not is_fresh(request):
            return ask_page(request, reader, "feed")
        saved.open_feed(reader, now=timezone.now())
        return see_other("saved", "?done=opened")
    if do == "revoke":
        saved.close_feed(reader)
        return see_other("saved", "?done=revoked")
    if number.isascii() and number.isdecimal() and len(number) < 16:
        SavedPaper.objects.filter(subscriber=reader, paper=int(number)).delete()
    return see_other("saved")


def _rows(reader: Subscriber) -> QuerySet[SavedPaper]:
    return SavedPaper.objects.filter(subscriber=reader).select_related("paper")


def _shown(row: SavedPaper) -> dict[str, Any]:
    paper = row.paper
    return {
        "number": paper.pk,
        "title": shorten(paper.title, TITLE_LENGTH),
        "link": safe_link(paper.url) or path_of(paper),
        "byline": byline(paper.authors, most=AUTHORS),
        "saved_on": row.saved_at.date(),
        "is_withdrawn": paper.withdrawn_at is not None,
    }


def byline(authors: Sequence[object], *, most: int) -> str:
    """Return names with commas, ``et al.`` in place of those over ``most``."""
    names = [printable(str(name)) for name in authors[:most]]
    return ", ".join(names) + (" et al." if len(authors) > most else "")


@require_safe
@reader_page
def export(request: HttpRequest, format: str, *, reader: Subscriber) -> HttpResponse:
    """Return the references of all saved papers as one file."""
    form = FORMATS[format]
    rows = _rows(reader).prefetch_related("paper__identifiers")
    references = [reference_of(row.paper, _names(row.paper)) for row in rows]
    headers = {
        "Content-Disposition": f'attachment; filename="saved.{form.ending}"',
        "X-Content-Type-Options": "nosniff",
    }
    body = form.write(with_distinct_keys(references))
    return HttpResponse(body, content_type=f"{form.media_type}; charset=utf-8", headers=headers)


def _names(paper: Paper) -> list[str]:
    return [paper.identifier, *sorted(one.value for one in paper.identifiers.all())]


@require_safe
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """Return the latest saved papers as Atom; the token in the address is the permission, until it is revoked."""
    found = saved.feed_of(token)
    if found is None:
        response = HttpResponse(_("There is no feed at this address.") + "\n", "text/plain; charset=utf-8", status=404)
    else:
        response = HttpResponse(_atom(found), "application/atom+xml; charset=utf-8")
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _feed_path(feed: SavedFeed) -> str:
    return reverse("saved_feed", args=[saved.token_of(feed)])


def _atom(found: SavedFeed) -> str:
    """Return the feed, which names neither the reader nor their address."""
    atom = Atom1Feed(
        title=_("Saved papers"),
        link=settings.SITE_URL + reverse("saved"),
        description="",
        feed_url=settings.SITE_URL + _feed_path(found),
        feed_guid=f"urn:broadsheet:saved:{found.name}",
    )
    for row in _rows(found.subscriber)[:IN_FEED]:
        paper = row.paper
        atom.add_item(
            title=printable(paper.title),
            link=safe_link(paper.url) or settings.SITE_URL + path_of(paper),
            # Atom's summary is HTML
            description=escape(printable(paper.abstract)),
            author_name=byline(paper.authors, most=20) or None,
            unique_id=f"urn:broadsheet:saved:{found.name}:{paper.pk}",
            pubdate=row.saved_at,
            updateddate=row.saved_at,
        )
    return str(atom.writeString("utf-8"))
