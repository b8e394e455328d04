"""Read the RDF feeds that arXiv served until 2024, with id, category and kind of announcement in the title."""

from __future__ import annotations

import re
from collections.abc import Iterator

from digest.ingest.entry import CROSS, NEW, REPLACE, Entry
from digest.ingest.parsers import arxiv, arxiv_rss
from digest.ingest.parsers.feed import Feed, Refused, assemble, shorten_text
from digest.ingest.parsers.retractions import says_withdrawn
from digest.ingest.parsers.syndication import Syndicated, first_text, parse, texts_of
from digest.text import split_authors

KIND = "arxiv_rdf"
ANNOUNCED = {"": NEW, "CROSS LISTED": CROSS, "UPDATED": REPLACE}

_SUFFIX = re.compile(
    r"\(arXiv:(?P<id>[^\s()]{1,40})(?:\s+\[(?P<category>[\w.-]{1,20})\])?(?:\s+(?P<type>CROSS LISTED|UPDATED))?\)"
)


def read(body: bytes) -> Feed:
    """Read such a feed, kept on disk: ``Title. (arXiv:1805.06430v2 [nucl-th] UPDATED)``.

    Only the primary category is told, and the day only once, for the whole feed. Raises SourceUnreadable.
    """
    return from_feed(parse(body))


def recognises(feed: Syndicated) -> bool:
    return arxiv_rss.recognises(feed) and any("(arXiv:" in first_text(item, "title") for item in feed.items[:20])


def from_feed(feed: Syndicated) -> Feed:
    """Return the papers of a parsed feed of the old form."""
    notes = list(feed.markup.notes)
    name, url = arxiv_rss.source_of(feed)
    return assemble(
        (*feed.markup.refused, *_entries(feed, notes)),
        kind=KIND,
        name=name,
        url=url,
        notes=notes,
        garbled=feed.markup.garbled,
    )


def _entries(feed: Syndicated, notes: list[str]) -> Iterator[Entry | Refused]:
    day = arxiv_rss.announcement_day(feed.channel, notes, "updated", "published")
    for item in feed.items:
        title = first_text(item, "title")
        start = title.rfind("(arXiv:")
        suffix = _SUFFIX.fullmatch(title[start:]) if start >= 0 else None
        identifiers, version = arxiv.identifiers_of(
            (suffix["id"] if suffix else "", first_text(item, "link"), first_text(item, "id"))
        )
        if not identifiers:
            yield Refused(what=shorten_text(title or "an item without a title"), why="no arXiv id in its title or link")
            continue
        abstract = first_text(item, "summary")
        yield Entry(
            identifiers=identifiers,
            title=title[:start].rstrip().removesuffix(".") if suffix else title,  # arXiv put a full stop before it
            abstract=abstract,
            authors=split_authors(", ".join(texts_of(item, "authors", "name")) or first_text(item, "author")),
            categories=arxiv.known_categories([suffix["category"] or ""] if suffix else ()),
            url=arxiv.page_of(identifiers),
            announced_on=day,
            announced=ANNOUNCED[suffix["type"] or ""] if suffix else "",
            version=version,
            withdrawn=says_withdrawn(title=title, abstract=abstract),
        )
