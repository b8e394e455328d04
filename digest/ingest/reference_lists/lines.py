"""Read plain lines: an arXiv id, a DOI, a PMID, an address or a title on each."""

from __future__ import annotations

import re
from collections.abc import Iterator

from digest.identifiers.canonical import canonical_identifier
from digest.ingest.reference_lists.work import RawWork, ReferenceList, assemble, names_in, without_names

FORMAT = "lines"
_BULLET = re.compile(r"(?:[-*•–]|\[?\d{1,4}[.)\]])\s+")
_BARE_PAIR = re.compile(r"[\s,;]+")


def read(text: str) -> ReferenceList:
    """Return a work a line, or several where a line has nothing but ids and DOIs."""
    return assemble(_works(text), format=FORMAT)


def _works(text: str) -> Iterator[RawWork]:
    for line in text.splitlines():
        line = _BULLET.sub("", line.strip(), count=1).strip()
        if not line:
            continue
        parts = [part for part in _BARE_PAIR.split(line) if part]
        if len(parts) <= 200 and all(canonical_identifier(part) for part in parts):
            yield from (RawWork(title="", names=(part,)) for part in parts)
        elif canonical_identifier(line):
            yield RawWork(title="", names=(line,))
        else:
            yield RawWork(title=without_names(line) or line, names=tuple(names_in(line)))
