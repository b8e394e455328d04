"""Describe papers and lists of them to search engines in the vocabulary of schema.org, as JSON-LD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings

from digest.web.papers.cards import PageCard
from digest.web.papers.facts import PaperFacts


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


def article(facts: PaperFacts, *, path: str) -> dict[str, Any]:
    """Return the ScholarlyArticle of a paper's own page, which is at ``path``."""
    reference, address = facts.reference, settings.SITE_URL + path
    parts = reference.date_parts
    values: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "ScholarlyArticle",
        "headline": facts.title[:110],
        "name": facts.title,
        "author": [{"@type": "Person", "name": name} for name in facts.authors],
        "abstract": facts.abstract,
        "datePublished": "-".join([f"{parts[0]:04}", *(f"{part:02}" for part in parts[1:])]) if parts else "",
        "url": address,
        "mainEntityOfPage": address,
        "identifier": facts.paper.identifier if reference.arxiv or reference.doi else "",
        "sameAs": [link.url for link in facts.links if link.kind in ("abstract", "doi", "pubmed")],
        "keywords": [topic.name for topic in facts.topics],
    }
    return {name: value for name, value in values.items() if value}
