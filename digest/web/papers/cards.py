"""A frozen card for a page: with the whole abstract, the categories, and why it is trending."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from digest.compose.card import NAME_LENGTH, Card
from digest.compose.phrases import shorten
from digest.identifiers.addresses import short_name
from digest.ingest.parsers.taxonomy import CATEGORIES
from digest.models import EditionPaper, Paper
from digest.web.papers.acts import PaperActs
from subscriptions.mail.rendering import printable

MOST_CATEGORIES = 8
FOLDED = 260  # characters; a longer abstract has more than three lines on a wide screen

NOBODYS: Mapping[int, PaperActs] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCard:
    """One paper on a page.

    ``path`` is the address of its own page, empty where it has none yet. ``categories`` are (code, name); ``why`` and
    ``counts`` are empty without votes. ``acts`` are the buttons of a signed-in reader.
    """

    card: Card
    path: str
    title: str = ""  # instead of the card's in the heading, with marks
    byline: str = ""  # instead of the card's
    abstract: str
    excerpt: str = ""  # shown instead of the start of an abstract that is folded
    categories: tuple[tuple[str, str], ...]
    score: float | None
    why: str
    counts: str
    acts: PaperActs | None = None

    @property
    def is_folded(self) -> bool:
        return len(self.abstract) > FOLDED


def path_of(paper: Paper) -> str:
    """Return the address of a paper's page, without the site."""
    return reverse("paper", args=[name_of(paper)])


def name_of(paper: Paper) -> str:
    """Return what a paper is called in addresses."""
    return short_name(paper.identifier, paper.pk)


def page_cards(rows: Iterable[EditionPaper], acts: Mapping[int, PaperActs] = NOBODYS) -> list[PageCard]:
    """Return cards for these rows, with the reader's ``acts`` by paper; their ``paper`` must be loaded."""
    return [_page_card(row, acts.get(row.paper_id)) for row in rows]


def _page_card(row: EditionPaper, acts: PaperActs | None) -> PageCard:
    card = Card.from_json(row.card)
    codes = dict.fromkeys(shorten(str(code), NAME_LENGTH) for code in row.paper.categories)
    return PageCard(
        card=card,
        path=path_of(row.paper) if row.pk else "",
        abstract=printable(" ".join(row.paper.abstract.split())) or card.sentence,
        categories=tuple((code, CATEGORIES.get(code, "")) for code in codes if code)[:MOST_CATEGORIES],
        score=row.trending,
        why=why_trending(row.inputs),
        counts=_counts(row.inputs),
        acts=acts if row.pk else None,
    )


def why_trending(inputs: dict[str, Any]) -> str:
    """Return ``73 upvotes on Hugging Face in 9 hours`` from the frozen inputs of the score; empty without votes."""
    if (points := inputs.get("points")) is None:
        return ""
    source = str(inputs.get("source", "")).removesuffix(" daily papers")
    votes = ngettext("%(count)s upvote", "%(count)s upvotes", points) % {"count": f"{points:,}"}
    values = {"votes": votes, "source": source, "time": _time(inputs.get("hours") or 0)}
    return (_("%(votes)s on %(source)s in %(time)s") if source else _("%(votes)s in %(time)s")) % values


def _counts(inputs: dict[str, Any]) -> str:
    """Return ``12 comments · 340 stars on GitHub`` without counts of zero."""
    comments, stars = inputs.get("comments") or 0, inputs.get("stars") or 0
    texts = []
    if comments:
        texts.append(ngettext("%(count)s comment", "%(count)s comments", comments) % {"count": f"{comments:,}"})
    if stars:
        texts.append(ngettext("%(count)s star on GitHub", "%(count)s stars on GitHub", stars) % {"count": f"{stars:,}"})
    return " · ".join(texts)


def _time(hours: float) -> str:
    if hours < 1:
        return _("less than an hour")
    if hours < 48:
        return ngettext("%(count)s hour", "%(count)s hours", round(hours)) % {"count": round(hours)}
    days = round(hours / 24)
    return ngettext("%(count)s day", "%(count)s days", days) % {"count": f"{days:,}"}
