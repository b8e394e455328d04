"""Read the daily feeds of rss.arxiv.org, RSS 2.0 and Atom: one day's announcements of an archive or category."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import cast
from zoneinfo import ZoneInfo

from digest.ingest.entry import CROSS, NEW, REPLACE, REPLACE_CROSS, UNANNOUNCED, Entry
from digest.ingest.parsers import arxiv
from digest.ingest.parsers.feed import Feed, Refused, SourceUnreadable, assemble, shorten_text
from digest.ingest.parsers.retractions import says_withdrawn
from digest.ingest.parsers.syndication import Item, Syndicated, first_text, moment, parse, texts_of
from digest.source_errors import ErrorKind
from digest.text import split_authors

KIND = "arxiv_rss"
ANNOUNCED = {"new": NEW, "cross": CROSS, "replace": REPLACE, "replace-cross": REPLACE_CROSS}

_EASTERN = ZoneInfo(arxiv.EASTERN)
_TITLE = re.compile(r"([\w.+, -]{1,300}) updates on arXiv\.org", re.A)
_PREFIX = re.compile(
    r"(?:arXiv:(?P<id>\S{1,40})\s+)?(?:Announce Type:\s*(?P<type>[a-z-]{1,20})\s+)?(?:Abstract:\s*)?", re.I
)


def read(body: bytes) -> Feed:
    """Read ``https://rss.arxiv.org/rss/<spec>`` or ``/atom/<spec>``.

    ``announced`` is the feed's own statement, which depends on the feed: a new paper is ``new`` only where its primary
    category was asked for, else ``cross``. ``announced_on`` is the item's day in arXiv's zone; ``published`` is not
    known, for pubDate is not the submission. Raises SourceUnreadable, also with arXiv's words for a bad address.
    """
    return from_feed(parse(body))


def recognises(feed: Syndicated) -> bool:
    return bool(_TITLE.fullmatch(feed.title)) or feed.title.startswith("Feed error for query")


def from_feed(feed: Syndicated) -> Feed:
    """Return the papers of a parsed feed of rss.arxiv.org."""
    if feed.title.startswith("Feed error for query"):
        said_so = shorten_text(first_text(feed.channel, "subtitle") or feed.title, width=200)
        raise SourceUnreadable(ErrorKind.SOURCE_ERROR, said_so)
    notes = list(feed.markup.notes)
    name, url = source_of(feed)
    return assemble(
        (*feed.markup.refused, *_entries(feed, notes)),
        kind=KIND,
        name=name,
        url=url,
        notes=notes,
        garbled=feed.markup.garbled,
    )


def source_of(feed: Syndicated) -> tuple[str, str]:
    """Return name and address: the same for RSS, Atom and the former RDF, because they are one source."""
    spec = re.sub(r"[ ,+]+", "+", match[1]) if (match := _TITLE.fullmatch(feed.title)) else ""
    return (f"arXiv {spec}", f"https://rss.arxiv.org/rss/{spec}") if spec else ("", "")


def announcement_day(item: Item, notes: list[str], *keys: str) -> date | None:
    """Return the item's day in arXiv's own zone, where days turn at midnight Eastern."""
    announced = moment(item, notes, *keys)
    return announced.astimezone(_EASTERN).date() if announced else None


def _entries(feed: Syndicated, notes: list[str]) -> Iterator[Entry | Refused]:
    feed_day = announcement_day(feed.channel, notes, "published")
    for item in feed.items:
        summary = first_text(item, "summary")
        prefix = cast(re.Match[str], _PREFIX.match(summary))  # all of it is optional: it always matches
        identifiers, version = arxiv.identifiers_of(
            (first_text(item, "id"), prefix["id"] or "", first_text(item, "link")),
            dois=first_text(item, "_doi"),
        )
        title = first_text(item, "title")
        if not identifiers:
            yield Refused(what=shorten_text(title or "an item without a title"), why="no arXiv id in its id or link")
            continue
        stated = first_text(item, "_announce_type") or prefix["type"] or ""
        abstract = summary[prefix.end() :]
        yield Entry(
            identifiers=identifiers,
            title=title,
            abstract=abstract,
            authors=split_authors(", ".join(texts_of(item, "authors", "name")) or first_text(item, "author")),
            categories=arxiv.known_categories(texts_of(item, "tags", "term")),
            url=arxiv.page_of(identifiers),
            announced_on=announcement_day(item, notes, "published") or feed_day,
            announced=ANNOUNCED.get(stated.lower(), UNANNOUNCED),
            version=version,
            withdrawn=says_withdrawn(title=title, comment=first_text(item, "_comment"), abstract=abstract),
        )
