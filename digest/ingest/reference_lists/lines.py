"""Read plain lines: an arXiv id, a DOI, a PMID, an address or a title on each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile

from digest.identifiers.canonical import canonical_identifier
from digest.ingest.reference_lists.library_names import looks_like_a_library
from digest.ingest.reference_lists.work import (
    Flaw,
    RawWork,
    ReferenceList,
    Unread,
    assemble,
    names_in,
    without_names,
)

FORMAT = "lines"
MOST_IN_LINE = 200  # ids, DOIs and addresses
_BULLET = re.compile(r"(?:[-*•–]|\[?\d{1,4}[.)\]])\s+")
_BARE_PAIR = re.compile(r"[\s,;]+")
_ADDRESS = re.compile(
    r"https?://\S+|www\.\S+|(?:[a-z0-9-]{1,63}\.){1,9}[a-z]{2,24}/\S*|\S{1,99}@(?:[a-z0-9-]{1,63}\.){1,9}[a-z]{2,24}",
    re.I,
)


def read(text: str) -> ReferenceList:
    """Return a work a line, or several where a line has nothing but ids and DOIs."""
    return assemble(_works(text), format=FORMAT)


def _works(text: str) -> Iterator[RawWork | Unread]:
    for line in text.splitlines():
        line = _BULLET.sub("", line.strip(), count=1).strip()
        if not line:
            continue
        parts = [part for part in _BARE_PAIR.split(line) if part]
        named = [one for one in takewhile(bool, map(_named, parts[:MOST_IN_LINE])) if one]
        if len(named) == len(parts):
            yield from named
        elif whole := _named(line):
            yield whole
        else:
            yield RawWork(title=without_names(line) or line, names=tuple(names_in(line)))


def _named(text: str) -> RawWork | Unread | None:
    """Return what a text names that is nothing but a name; None if it may be a title."""
    if looks_like_a_library(text):
        return Unread(what=text, flaw=Flaw.LIBRARY)
    is_address = _ADDRESS.fullmatch(text)
    if canonical_identifier(text):
        return RawWork(title="", names=(text,))
    if is_address and canonical_identifier(f"https://{text}"):
        return RawWork(title="", names=(f"https://{text}",))
    return Unread(what=text, flaw=Flaw.ADDRESS) if is_address else None
