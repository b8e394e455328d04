"""Read RIS, and MEDLINE as PubMed exports it (``.nbib``): a tag and its value a line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import rispy

from digest.ingest.reference_lists.work import RawWork, ReferenceList, assemble, names_in, pubmed

RIS, MEDLINE = "RIS", "PubMed"
STARTS_RIS = re.compile(r"^TY {0,2}- ?", re.M)
STARTS_MEDLINE = re.compile(r"^PMID ?- ?\d", re.M)
_RIS_TAG = re.compile(r"([A-Z][A-Z0-9]) {0,4}-(?: |$)")
_MEDLINE_TAG = re.compile(r"([A-Z]{2,4}) {0,2}- ?")
_TRANSLATED = re.compile(r"\A\[(.*)\]\.?\Z")
_END = "ER  - "


def read_ris(text: str) -> ReferenceList:
    """Return the works of a RIS file, also of one with single spaces around its dashes or without ends of records."""
    return assemble(map(_of_ris, rispy.loads("\n".join(_whole_records(text)))), format=RIS)


def read_medline(text: str) -> ReferenceList:
    """Return the works of a file of PubMed."""
    lines = "\n".join(_ended_records(text))
    return assemble(map(_of_medline, rispy.loads(lines, implementation=_Medline)), format=MEDLINE)


def _whole_records(text: str) -> Iterator[str]:
    """Write each tag as rispy expects it, and end each record; it loses those without an end in silence."""
    is_open = False
    for line in text.splitlines():
        match = _RIS_TAG.match(line)
        if match is None:
            # a value that goes on, on a line of its own
            yield f"    {line}" if is_open else ""
            continue
        tag = match[1]
        if tag == "TY" and is_open:
            yield _END
        is_open = tag != "ER" if tag in ("TY", "ER") else is_open
        yield f"{tag}  - {line[match.end() :].strip()}"
    yield _END


def _of_ris(record: Mapping[str, Any]) -> RawWork:
    notes = " ".join(_texts(record, "notes", "note", "number", "publisher", "research_notes"))
    return RawWork(
        title=_first(record, "title", "primary_title", "translated_title", "short_title"),
        abstract=_first(record, "abstract", "notes_abstract"),
        names=(*_texts(record, "doi"), *_texts(record, "urls"), *names_in(notes)),
        published=_first(record, "date", "year", "publication_year").strip("/"),
    )


# rispy has no types, so its class is Any
class _Medline(rispy.RisParser):  # type: ignore[misc]
    START_TAG = "PMID"
    DEFAULT_MAPPING: ClassVar[dict[str, str]] = {
        **{tag: tag for tag in ("PMID", "TI", "TT", "BTI", "AB", "OAB", "LID", "AID", "DP", "DEP", "CRDT")},
        "ER": "end_of_reference",
        "UK": "unknown_tag",
    }
    DEFAULT_LIST_TAGS: ClassVar[list[str]] = ["LID", "AID"]
    DEFAULT_DELIMITER_MAPPING: ClassVar[dict[str, str]] = {}

    def parse_line(self, line: str) -> tuple[str, str] | tuple[None, str]:
        match = _MEDLINE_TAG.match(line)
        return (match[1], line[match.end() :].strip()) if match else (None, line.strip())


def _ended_records(text: str) -> Iterator[str]:
    is_first = True
    for line in text.splitlines():
        if line.startswith("PMID"):
            if not is_first:
                yield _END
            is_first = False
        yield line if line.strip() else "UK  - "  # a value does not go on after an empty line
    yield _END


def _of_medline(record: Mapping[str, Any]) -> RawWork:
    located = (value.split() for value in _texts(record, "LID", "AID"))
    return RawWork(
        title=_TRANSLATED.sub(r"\1", _first(record, "TI", "BTI", "TT")),
        abstract=_first(record, "AB", "OAB"),
        names=(
            pubmed(_first(record, "PMID")),
            *(parts[0] for parts in located if len(parts) == 2 and parts[1] == "[doi]"),
        ),
        published=_first(record, "DP", "DEP"),
    )


def _first(record: Mapping[str, Any], *keys: str) -> str:
    return next(iter(_texts(record, *keys)), "")


def _texts(record: Mapping[str, Any], *keys: str) -> list[str]:
    found: list[str] = []
    for key in keys:
        value = record.get(key) or ()
        values: Iterable[Any] = (value,) if isinstance(value, str) else value
        found += [one for one in values if isinstance(one, str) and one]
    return found
