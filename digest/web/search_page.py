"""The page that searches papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from digest import search
from digest.compose.card import NAME_LENGTH, Card
from digest.compose.phrases import shorten
from digest.models import EditionPaper, Paper, Source
from digest.search import Filters, Kind
from digest.search.marks import excerpt, pieces
from digest.search.query import LONGEST, MOST_WORDS, Query
from digest.web.expensive import expensive
from digest.web.own.page_feedback import acts_context
from digest.web.papers.acts import acts_for
from digest.web.papers.cards import FOLDED, PageCard, page_cards, path_of
from digest.web.papers.marks import marked
from subscriptions.mail.rendering import one_line
from subscriptions.models import Topic
from subscriptions.rate_limits import too_many
from subscriptions.topic_names import topic_named
from subscriptions.web.sessions import reader_of, readers_own

SHOWN = 25
MOST_AUTHORS = 500  # of a paper, among which the one who was asked for is looked for


@dataclass(frozen=True, slots=True)
class Asked:
    """The search that the page's address asks for, without what cannot be read."""

    typed: str
    filters: Filters
    by_date: bool

    @classmethod
    def in_address(cls, given: Mapping[str, str]) -> Asked:
        source = given.get("source", "")
        return cls(
            typed=given.get("q", ""),
            filters=Filters(
                since=_day(given.get("from", "")),
                until=_day(given.get("to", "")),
                topic=given.get("topic", "")[:60].replace("\0", ""),
                category=given.get("category", "")[:40],
                source=int(source) if source.isascii() and source.isdecimal() and len(source) < 10 else None,
            ),
            by_date=given.get("sort") == "date",
        )

    @property
    def is_search(self) -> bool:
        return bool(self.shown or self.filters)

    @property
    def shown(self) -> str:
        return " ".join(one_line(self.typed)[:LONGEST].split())

    def address(self, **instead: Any) -> str:
        """Return the query of an address that asks for the same, with other values of some parameters."""
        filters = self.filters
        values = {
            "q": self.shown,
            "from": filters.since,
            "to": filters.until,
            "topic": filters.topic,
            "category": filters.category,
            "source": filters.source,
            "sort": "date" if self.by_date else "",
        } | instead
        return urlencode({name: value for name, value in values.items() if value})

    def without_filters(self) -> str:
        return replace(self, filters=Filters()).address()


@readers_own
@require_safe
@expensive
def search_page(request: HttpRequest) -> HttpResponse:
    """Show the papers that match ``q`` and the filters, best first; an identifier leads to its paper's page."""
    now = timezone.now()
    asked = Asked.in_address(request.GET)
    if asked.is_search and too_many(request, "search"):
        return render(request, "429.html", status=429)
    found = search.search(asked.typed, now=now, filters=asked.filters, by_date=asked.by_date)
    if found.kind == Kind.IDENTIFIER and found.papers:
        return redirect(path_of(Paper.objects.get(pk=found.papers[0])))
    page = Paginator(found.papers, SHOWN).get_page(request.GET.get("page"))
    newest = {
        row.paper_id: row
        for row in EditionPaper.objects.filter(paper__in=list(page))
        .shown(now)
        .with_days()
        .select_related("paper")
        .order_by("edition__date")
    }
    rows = [newest[paper_id] for paper_id in page if paper_id in newest]
    reader = reader_of(request)
    acts = acts_for(reader, (row.paper for row in rows))
    papers = [
        (_marked(one, found.query, row.paper.authors), row.edition)
        for one, row in zip(page_cards(rows, acts), rows, strict=True)
    ]
    context = {
        "q": asked.shown,
        "asked": asked,
        "as_typed": asked.address(q=found.exactly),
        "found": found,
        "topic": topic_named(asked.shown),
        "topics": Topic.objects.order_by("name").only("slug", "name"),
        "sources": Source.objects.filter(active=True).only("name"),
        "limits": {"longest": LONGEST, "words": MOST_WORDS},
        "page": page,
        "papers": papers,
        **acts_context(request, reader),
    }
    return render(request, "search.html", context)


def _marked(one: PageCard, query: Query, authors: Sequence[str]) -> PageCard:
    """Return a card with the words that were asked for in ``<mark>``."""
    card = one.card
    return replace(
        one,
        title=marked(pieces(card.title, query)),
        byline=marked(pieces(_byline(card, query, authors), query)),
        abstract=marked(pieces(one.abstract, query)),
        excerpt=marked(pieces(excerpt(one.abstract, query, limit=FOLDED), query)) if one.is_folded else "",
    )


def _byline(card: Card, query: Query, authors: Sequence[str]) -> str:
    """Return the authors on one line, with the one who was asked for among those it leaves out."""
    if not card.more_authors or not query.clauses:
        return card.byline

    def asked_for(name: str) -> int:
        return sum(is_asked for _, is_asked in pieces(name, query))

    left_out = [shorten(str(name), NAME_LENGTH) for name in authors[len(card.authors) - 1 : MOST_AUTHORS]]
    best = max(left_out, key=asked_for, default="")
    if asked_for(best) <= max(map(asked_for, card.authors)):
        return card.byline
    *first, last = card.authors
    rest = f" (+{card.more_authors - 1:,})" if card.more_authors > 1 else ""
    return f"{', '.join(first)} … {best} … {last}{rest}"


def _day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return None
