"""Read answers of arXiv's query API (Atom): one page of the papers that match a query."""

from __future__ import annotations

from collections.abc import Iterator

from digest.ingest.entry import Entry
from digest.ingest.parsers import arxiv
from digest.ingest.parsers.feed import Feed, Refused, SourceUnreadable, assemble, count_of, shorten_text
from digest.ingest.parsers.retractions import says_withdrawn
from digest.ingest.parsers.syndication import Syndicated, first_text, link_to, moment, parse, texts_of
from digest.source_errors import ErrorKind

KIND = "arxiv_api"


def read(body: bytes) -> Feed:
    """Read an answer of ``https://export.arxiv.org/api/query``.

    ``stated_total`` is what this page should hold: the page size that was asked for, or what is left of the matches.
    Nothing is announced here: ``published`` is the first submission. Raises SourceUnreadable, also with the API's
    words when the answer is an error.
    """
    return from_feed(parse(body))


def recognises(feed: Syndicated) -> bool:
    own = f"{first_text(feed.channel, 'id')} {link_to(feed.channel, 'self')} {link_to(feed.channel, 'alternate')}"
    return "arxiv.org/api/" in own or feed.title.lower().startswith(("arxiv query", "arxiv search results"))


def from_feed(feed: Syndicated) -> Feed:
    """Return the papers of a parsed answer."""
    notes = list(feed.markup.notes)
    found = list(_entries(feed, notes))
    if len(found) == 1 and isinstance(found[0], Refused) and found[0].what == "Error":
        raise SourceUnreadable(ErrorKind.SOURCE_ERROR, found[0].why)
    matches, first, size = (
        count_of(first_text(feed.channel, f"_{name}")) for name in ("totalresults", "startindex", "itemsperpage")
    )
    here = None if matches is None else max(0, matches - (first or 0))
    if here is not None and size and size < here:
        here = size
        notes.append(f"one page of a list of {matches:,}")
    return assemble(
        (*feed.markup.refused, *found),
        kind=KIND,
        name="arXiv API",
        url="https://export.arxiv.org/api/query",
        notes=notes,
        stated_total=here,
        offset=first or 0,
        list_total=matches,
        garbled=feed.markup.garbled,
    )


def _entries(feed: Syndicated, notes: list[str]) -> Iterator[Entry | Refused]:
    for item in feed.items:
        title, summary = first_text(item, "title"), first_text(item, "summary")
        if "/api/errors" in first_text(item, "id"):
            yield Refused(what="Error", why=shorten_text(summary or "no reason given", width=200))
            continue
        identifiers, version = arxiv.identifiers_of(
            (first_text(item, "id"), first_text(item, "link")), dois=first_text(item, "_doi")
        )
        if not identifiers:
            yield Refused(what=shorten_text(title or "an entry without a title"), why="no arXiv id")
            continue
        primary = dict.get(item, "arxiv_primary_category")
        terms = [str(primary.get("term"))] if isinstance(primary, dict) else []
        yield Entry(
            identifiers=identifiers,
            title=title,
            abstract=summary,
            authors=tuple(texts_of(item, "authors", "name")),
            categories=arxiv.known_categories([*terms, *texts_of(item, "tags", "term")]),
            url=arxiv.page_of(identifiers),
            published=moment(item, notes, "published"),
            version=version,
            withdrawn=says_withdrawn(title=title, comment=first_text(item, "_comment"), abstract=summary),
        )
