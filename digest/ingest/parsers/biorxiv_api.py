"""Read answers of api.biorxiv.org (JSON): preprints of bioRxiv or medRxiv posted or revised in a span of days."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from digest.identifiers.canonical import canonical_identifier
from digest.ingest.entry import NEW, REPLACE, Entry
from digest.ingest.parsers.authors import authors_of
from digest.ingest.parsers.body import open_text
from digest.ingest.parsers.dates import moment_of
from digest.ingest.parsers.feed import (
    Feed,
    Refused,
    SourceUnreadable,
    assemble,
    count_of,
    plain,
    shorten_text,
)
from digest.ingest.parsers.json_items import Items, items_in
from digest.ingest.parsers.retractions import says_withdrawn
from digest.source_errors import ErrorKind

KIND = "biorxiv_api"


def read(body: bytes) -> Feed:
    """Read a page, of at most 100 preprints, of ``https://api.biorxiv.org/details/<server>/<from>/<to>/<cursor>``.

    The date is the posting of that version: ``new`` for a first version, ``replace`` for a later one.
    ``stated_total`` counts what the source has from this page on, so that a reading which stops here shows as short.
    Raises SourceUnreadable, also with the service's own message for what is no answer.
    """
    return from_items(items_in(open_text(body)))


def recognises(found: Items) -> bool:
    return "collection" in found.head or "messages" in found.head


def from_items(found: Items) -> Feed:
    """Return the papers of a decoded answer."""
    messages = found.head.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else {}
    message: dict[str, Any] = first if isinstance(first, dict) else {}
    if "collection" not in found.head:
        reason = shorten_text(plain(message.get("status"))) or "it gives no reason"
        raise SourceUnreadable(ErrorKind.SOURCE_ERROR, reason)
    notes = list(found.notes)
    total, cursor = count_of(message.get("total")), count_of(message.get("cursor"))
    server = _server(found.items)
    return assemble(
        (*_entries(found.items, notes), *found.refused),
        kind=KIND,
        name=f"{server} API",
        url=f"https://api.biorxiv.org/details/{server.lower()}",
        notes=notes,
        stated_total=None if total is None else max(0, total - (cursor or 0)),
        offset=cursor or 0,
        list_total=total,
        garbled=found.garbled,
    )


def _entries(items: list[Any], notes: list[str]) -> Iterator[Entry | Refused]:
    for number, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            yield Refused(what=f"item {number}", why="not a paper")
            continue
        title, doi = plain(item.get("title")), canonical_identifier(plain(item.get("doi")))
        if not doi.startswith("doi:"):
            yield Refused(what=shorten_text(title or f"item {number}"), why="no DOI")
            continue
        version = max(1, count_of(item.get("version")) or 1)
        posted = moment_of(item.get("date"), notes)
        journal = canonical_identifier(plain(item.get("published")))  # or a placeholder such as NA
        abstract = plain(item.get("abstract"))
        yield Entry(
            identifiers=(doi, journal) if journal.startswith("doi:") and journal != doi else (doi,),
            title=title,
            abstract=abstract,
            authors=authors_of([plain(item.get("authors"))]),
            categories=tuple(filter(None, [plain(item.get("category"))[:100]])),
            url=f"https://www.{_server([item]).lower()}.org/content/{doi.removeprefix('doi:')}v{version}",
            published=posted if version == 1 else None,
            announced_on=posted.date() if posted else None,
            announced=NEW if version == 1 else REPLACE,
            version=version,
            withdrawn=plain(item.get("type")).lower() == "withdrawn" or says_withdrawn(abstract=abstract, title=title),
        )


def _server(items: list[Any]) -> str:
    first = next((item for item in items if isinstance(item, dict)), {})
    told = f"{plain(first.get('server'))} {plain(first.get('jatsxml'))}".lower()
    return "medRxiv" if "medrxiv" in told else "bioRxiv"
