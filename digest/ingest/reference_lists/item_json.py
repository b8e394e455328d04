"""Read JSON: CSL-JSON, items of Zotero (its web API and Better BibTeX), and the works of an ORCID record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from digest.ingest.parsers.body import Text
from digest.ingest.parsers.feed import SourceUnreadable, plain
from digest.ingest.parsers.json_items import items_in
from digest.ingest.reference_lists.work import Flaw, RawWork, ReferenceList, Unread, assemble, names_in, pubmed
from digest.source_errors import ErrorKind

CSL, ZOTERO, ORCID = "CSL-JSON", "Zotero", "ORCID"
_NO_WORK = {"attachment", "note", "annotation"}


def read(opened: Text) -> ReferenceList:
    """Return the works of a JSON file. Raises SourceUnreadable for JSON of another kind."""
    found = items_in(opened)
    if "group" in found.head:
        return assemble(_orcid_works(found.head["group"]), format=ORCID)
    items = [item.get("data", item) if isinstance(item, dict) else item for item in found.items]
    is_zotero = any(isinstance(item, dict) and "itemType" in item for item in items)
    if not is_zotero and not any(isinstance(item, dict) and {"title", "DOI", "type"} & set(item) for item in items):
        if found.items:
            raise SourceUnreadable(ErrorKind.UNKNOWN_FORMAT, "JSON of no known kind")
        return assemble((), format=CSL)
    return assemble(
        (_of_item(item) for item in items if not _is_no_work(item)),
        format=ZOTERO if is_zotero else CSL,
        is_cut=bool(found.refused),
        entries=len(items),
    )


def _is_no_work(item: Any) -> bool:
    return isinstance(item, dict) and item.get("itemType") in _NO_WORK


def _of_item(item: Any) -> RawWork | Unread:
    if not isinstance(item, dict):
        return Unread(what=str(item), flaw=Flaw.BROKEN)
    notes = " ".join(plain(item.get(key)) for key in ("extra", "note", "number", "archive_location", "archiveID"))
    return RawWork(
        title=plain(item.get("title")),
        abstract=plain(item.get("abstract")) or plain(item.get("abstractNote")),
        names=tuple(
            filter(
                None,
                (
                    plain(item.get("DOI")) or plain(item.get("doi")),
                    pubmed(plain(item.get("PMID"))),
                    *names_in(notes),
                    plain(item.get("URL")) or plain(item.get("url")),
                ),
            )
        ),
        added=plain(item.get("dateAdded")),
        published=plain(item.get("date")) or _csl_date(item.get("issued")),
    )


def _csl_date(issued: Any) -> str:
    """Return a date of CSL, which may be numbers, texts in their place, a range or free text."""
    if isinstance(issued, str):
        return plain(issued)
    if not isinstance(issued, dict):
        return ""
    parts = issued.get("date-parts")
    first = parts[0] if isinstance(parts, list) and parts and isinstance(parts[0], list) else []
    digits = [str(part) for part in first[:3] if isinstance(part, int | str) and str(part).isdecimal()]
    return "-".join(digit.zfill(2) for digit in digits) or plain(issued.get("raw")) or plain(issued.get("literal"))


def _orcid_works(groups: Any) -> Iterator[RawWork]:
    """Read the groups of a record, each of which is one work, told by one or more sources."""
    for group in groups if isinstance(groups, list) else ():
        summaries = _at(group, "work-summary")
        first = summaries[0] if isinstance(summaries, list) and summaries else {}
        created = _at(first, "created-date", "value")
        yield RawWork(
            title=plain(_at(first, "title", "title", "value")),
            names=tuple(filter(None, (*_orcid_names(group), *_orcid_names(first), plain(_at(first, "url", "value"))))),
            added=_moment(created),
            published="-".join(
                plain(_at(first, "publication-date", part, "value")) for part in ("year", "month", "day")
            ).rstrip("-"),
        )


def _orcid_names(row: Any) -> Iterator[str]:
    ids = _at(row, "external-ids", "external-id")
    for one in ids if isinstance(ids, list) else ():
        # a work that is a part of another has the other's id, too
        if isinstance(one, Mapping) and one.get("external-id-relationship") in (None, "self", "SELF", "version-of"):
            kind, value = plain(one.get("external-id-type")).lower(), plain(one.get("external-id-value"))
            if kind in ("doi", "arxiv", "pmid") and value:
                yield value if "/" in value and kind == "doi" else f"{kind}:{value.removeprefix('arXiv:')}"


def _moment(milliseconds: Any) -> str:
    if not isinstance(milliseconds, int) or not 0 < milliseconds < 10**13:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).date().isoformat()


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
