"""Describe lists of papers to search engines in the vocabulary of schema.org, as JSON-LD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings

from digest.web.cards import PageCard


def item_list(papers: Sequence[PageCard], *, first: int) -> dict[str, Any]:
    """Return an ItemList of ScholarlyArticles, the first of them at that place."""
    return {
        "@context": "https://schema.org",
        "@type": "ItemList",
        "itemListElement": [
            {"@type": "ListItem", "position": place, "item": _article(one)} for place, one in enumerate(papers, first)
        ],
    }


def _article(one: PageCard) -> dict[str, Any]:
    card = one.card
    values = {
        "@type": "ScholarlyArticle",
        "name": card.title,
        "url": f"{settings.SITE_URL}{one.path}" if one.path else card.url,
        "sameAs": card.url,
        "author": [{"@type": "Person", "name": name} for name in card.authors],
        "datePublished": card.published,
    }
    return {name: value for name, value in values.items() if value}
