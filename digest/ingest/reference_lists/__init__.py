"""Read lists of references as people export or paste them: in, bytes; out, a ``ReferenceList``. Pure."""

from __future__ import annotations

import re

from digest.ingest.parsers.body import open_text
from digest.ingest.parsers.feed import SourceUnreadable
from digest.ingest.reference_lists import bibtex, item_json, lines, ris, zotero_rdf
from digest.ingest.reference_lists.work import Flaw, ListedWork, ReferenceList, Unread
from digest.source_errors import ErrorKind

__all__ = ["Flaw", "ListedWork", "ReferenceList", "Unread", "read"]

_NUMBERED_LINE = re.compile(r"\[\d{1,4}\]\s*[^\s,]")  # as in a list of references
_HEAD = 20_000  # characters in which a format shows itself


def read(body: bytes) -> ReferenceList:
    """Return the works in a body, its format recognised by its content. Raises SourceUnreadable for no list at all."""
    opened = open_text(body)
    text, head = opened.text, opened.text[:_HEAD]
    if head[0] in "[{" and not _NUMBERED_LINE.match(head):
        return item_json.read(opened)
    if head.startswith("<"):
        if "<html" in head.lower():
            raise SourceUnreadable(ErrorKind.WEB_PAGE)
        return zotero_rdf.read(opened)
    if ris.STARTS_MEDLINE.search(head):
        return ris.read_medline(text)
    if ris.STARTS_RIS.search(head):
        return ris.read_ris(text)
    if bibtex.STARTS.search(head):
        return bibtex.read(text)
    if "\x00" in head:
        raise SourceUnreadable(ErrorKind.BINARY)
    return lines.read(text)
