"""Read OAI-PMH answers of arXiv in its own metadata format: harvested records, with each author's names apart."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from digest.ingest.entry import Entry
from digest.ingest.parsers import arxiv
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
    web_address,
)
from digest.ingest.parsers.retractions import says_withdrawn
from digest.ingest.parsers.xml_repair import Markup, well_formed
from digest.source_errors import ErrorKind

KIND = "arxiv_oai"


def read(body: bytes) -> Feed:
    """Read a ListRecords or GetRecord answer with ``metadataPrefix=arXiv``.

    A record that was deleted becomes an entry without a title that is withdrawn. ``version`` is 2 for a record that
    tells of an update, for the format does not count them. ``stated_total`` is None but on the last page, which alone
    says how many records it should have. Raises SourceUnreadable, also with the archive's words for its errors.
    """
    return from_markup(well_formed(open_text(body)))


def from_markup(markup: Markup) -> Feed:
    """Return the records of a sound document."""
    if markup.root != "OAI-PMH":
        raise SourceUnreadable(ErrorKind.UNKNOWN_FORMAT, "not an OAI-PMH answer")
    # its declarations are gone: no entity is left to expand
    root = ElementTree.fromstring(markup.text)  # noqa: S314
    notes = list(markup.notes)
    error = root.find("{*}error")
    if error is not None and error.get("code") != "noRecordsMatch":
        raise SourceUnreadable(ErrorKind.SOURCE_ERROR, shorten_text(error.text or "", width=200))
    return assemble(
        (*markup.refused, *_entries(root, notes)),
        kind=KIND,
        name="arXiv OAI",
        url=web_address(_text(root, "request")) or "https://oaipmh.arxiv.org/oai",
        notes=notes,
        stated_total=0 if error is not None else _left(root, notes),
        garbled=markup.garbled,
    )


def _left(root: ElementTree.Element, notes: list[str]) -> int | None:
    token = root.find(".//{*}resumptionToken")
    whole = count_of(token.get("completeListSize")) if token is not None else None
    if token is None or whole is None:
        return None
    if plain(token.text):
        notes.append(f"one page of a list of {whole:,}")
        return None
    cursor = count_of(token.get("cursor"))
    return None if cursor is None else max(0, whole - cursor)


def _entries(root: ElementTree.Element, notes: list[str]) -> Iterator[Entry | Refused]:
    for record in root.iterfind(".//{*}record"):
        header, metadata = record.find("{*}header"), record.find("{*}metadata/{*}arXiv")
        name = _text(header, "identifier")
        identifiers, version = arxiv.identifiers_of((name, _text(metadata, "id")), dois=_text(metadata, "doi"))
        if not identifiers:
            yield Refused(what=shorten_text(_text(metadata, "title") or name or "a record"), why="no arXiv id")
        elif header is not None and header.get("status") == "deleted":
            yield Entry(identifiers=identifiers, title="", url=arxiv.page_of(identifiers), withdrawn=True)
        elif metadata is None:
            yield Refused(what=name, why="no metadata in arXiv's own format")
        else:
            title, abstract = _text(metadata, "title"), _text(metadata, "abstract")
            yield Entry(
                identifiers=identifiers,
                title=title,
                abstract=abstract,
                authors=tuple(filter(None, map(_name, metadata.iterfind("{*}authors/{*}author")))),
                categories=arxiv.known_categories(_text(metadata, "categories").split()),
                url=arxiv.page_of(identifiers),
                published=moment_of(_text(metadata, "created"), notes),
                version=max(version, 2 if _text(metadata, "updated") else 1),
                withdrawn=says_withdrawn(
                    title=_text(metadata, "title"), comment=_text(metadata, "comments"), abstract=abstract
                ),
            )


def _text(element: ElementTree.Element | None, name: str) -> str:
    return plain(element.findtext(f"{{*}}{name}", default="")) if element is not None else ""


def _name(author: ElementTree.Element) -> str:
    return " ".join(filter(None, (_text(author, part) for part in ("forenames", "keyname", "suffix"))))
