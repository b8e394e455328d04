"""A frozen card as a page shows it: the whole abstract, its categories, and why it is trending."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from digest.compose.card import NAME_LENGTH, Card
from digest.compose.phrases import plural, shorten
from digest.ingest.parsers.taxonomy import CATEGORIES
from digest.models import EditionPaper
from subscriptions.mail.rendering import printable

MOST_CATEGORIES = 8
FOLDED = 260  # characters from which an abstract is longer than three lines at a dashboard


@dataclass(frozen=True, slots=True, kw_only=True)
class PageCard:
    """One paper of a page. ``categories`` are (code, name); ``why`` and ``counts`` are empty where nobody votes."""

    card: Card
    abstract: str
    categories: tuple[tuple[str, str], ...]
    score: float | None
    why: str
    counts: str

    @property
    def is_folded(self) -> bool:
        return len(self.abstract) > FOLDED


def page_cards(rows: Iterable[EditionPaper]) -> list[PageCard]:
    """These rows, each with its ``paper`` loaded, as cards for a page."""
    return [_page_card(row) for row in rows]


def _page_card(row: EditionPaper) -> PageCard:
    card = Card.from_json(row.card)
    codes = dict.fromkeys(shorten(str(code), NAME_LENGTH) for code in row.paper.categories)
    return PageCard(
        card=card,
        abstract=printable(" ".join(row.paper.abstract.split())) or card.snippet,
        categories=tuple((code, CATEGORIES.get(code, "")) for code in codes if code)[:MOST_CATEGORIES],
        score=row.trending,
        why=why_trending(row.inputs),
        counts=_counts(row.inputs),
    )


def why_trending(inputs: dict[str, Any]) -> str:
    """``73 upvotes on Hugging Face in 9 hours``, from what an edition froze beside the score; empty without votes."""
    if inputs.get("points") is None:
        return ""
    where = str(inputs.get("source", "")).removesuffix(" daily papers")
    votes = plural(inputs["points"], "upvote")
    return f"{votes}{f' on {where}' if where else ''} in {_time(inputs.get('hours') or 0)}"


def _counts(inputs: dict[str, Any]) -> str:
    """``12 comments · 340 stars on GitHub``; what counts nothing is not said."""
    comments, stars = inputs.get("comments") or 0, inputs.get("stars") or 0
    said = [plural(comments, "comment") if comments else "", f"{plural(stars, 'star')} on GitHub" if stars else ""]
    return " · ".join(filter(None, said))


def _time(hours: float) -> str:
    if hours < 1:
        return "less than an hour"
    return plural(round(hours), "hour") if hours < 48 else plural(round(hours / 24), "day")
