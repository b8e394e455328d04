"""Read BibTeX and BibLaTeX files."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import bibtexparser
from bibtexparser.library import Library
from bibtexparser.middlewares import NormalizeFieldKeys
from bibtexparser.model import Block, DuplicateBlockKeyBlock, DuplicateFieldKeyBlock, Entry, ParsingFailedBlock

from digest.ingest.reference_lists.work import Flaw, RawWork, ReferenceList, Unread, assemble, names_in, pubmed

FORMAT = "BibTeX"
STARTS = re.compile(r"^[ \t]*@[ \t]*[a-z]+[ \t]*[({]", re.I | re.M)
_BARE_ARXIV = re.compile(r"(?:\d{4}\.\d{4,5}|[a-z-]+(?:\.[a-z-]+)?/\d{7})(?:v\d+)?", re.I)
_NOT_A_WORK = {"comment", "preamble", "string", "control", "set", "xdata"}

# it quotes the file in its warnings
logging.getLogger("bibtexparser").setLevel(logging.CRITICAL + 1)


def read(text: str) -> ReferenceList:
    """Return the works of a file; an entry that is broken costs itself only."""
    # TeX stays: the library's decoder cuts text at each per cent sign
    library = bibtexparser.parse_string(text, append_middleware=[NormalizeFieldKeys()])
    return assemble(_works(library), format=FORMAT)


def _works(library: Library) -> Iterator[RawWork | Unread]:
    for block in library.blocks:
        if isinstance(block, DuplicateBlockKeyBlock | DuplicateFieldKeyBlock):
            yield from _works_in(block.ignore_error_block)  # repeated keys are no reason to lose a work
        else:
            yield from _works_in(block)


def _works_in(block: Block | None) -> Iterator[RawWork | Unread]:
    if isinstance(block, ParsingFailedBlock):
        yield Unread(what=block.raw or "", flaw=Flaw.BROKEN)
    elif isinstance(block, Entry) and block.entry_type.lower() not in _NOT_A_WORK:
        fields = {key.lower(): str(field.value).strip('{}" ') for key, field in block.fields_dict.items()}
        yield _work(fields, key=block.key)


def _work(fields: dict[str, str], *, key: str) -> RawWork:
    eprint = fields.get("eprint", "")
    kind = (fields.get("archiveprefix") or fields.get("eprinttype") or "").lower()
    is_arxiv = kind == "arxiv" or (not kind and _BARE_ARXIV.fullmatch(eprint))
    notes = " ".join(fields.get(name, "") for name in ("note", "journal", "howpublished", "annote"))
    return RawWork(
        title=": ".join(filter(None, (fields.get("title", ""), fields.get("subtitle", "")))),
        abstract=fields.get("abstract", ""),
        names=tuple(
            filter(
                None,
                (
                    f"arxiv:{eprint.removeprefix('arXiv:')}" if is_arxiv and eprint else "",
                    fields.get("doi", "").replace("\\_", "_"),
                    pubmed(fields.get("pmid", "") or (eprint if kind == "pubmed" else "")),
                    fields.get("url", "").replace("\\_", "_"),
                    *names_in(notes),
                ),
            )
        ),
        added=_first(fields, "date-added", "timestamp", "dateadded", "creationdate"),
        published=_first(fields, "date", "year"),
        label=key,
    )


def _first(fields: dict[str, str], *keys: str) -> str:
    return next((fields[key] for key in keys if fields.get(key)), "")
