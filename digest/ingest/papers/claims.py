"""Which source speaks for a work, and what other sources claim of it: kept for curators, who may apply or undo it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum
from typing import Any

from django.utils.dateparse import parse_datetime

from digest.identifiers.links import host_of
from digest.identifiers.registrants import sites_of
from digest.ingest.entry import Entry
from digest.ingest.papers.identity import scheme_of
from digest.models import Paper, PaperChange, Source

ARXIV_KINDS = {"arxiv_rss", "arxiv_rdf", "arxiv_api", "arxiv_oai"}
VOTING_KINDS = {"hugging_face"}
TOLD = ("title", "abstract", "authors", "categories", "primary_category", "url", "version")
Kind, State = PaperChange.Kind, PaperChange.State


class Standing(IntEnum):
    """The say of a source over a work: none, that of the first to show it, or that of the one it belongs to."""

    NONE = 0
    FIRST = 1
    OWN = 2


def is_of_kind(source: Source, kind: str, kinds: set[str]) -> bool:
    """Return whether a source is of these kinds, by its row and by what it sent: a body alone can say anything."""
    return source.kind in kinds and kind in kinds


def standing(source: Source, kind: str, paper: Paper) -> Standing:
    """Return how far a source speaks for a paper; ``kind`` is that of what it sent.

    arXiv speaks for its papers, the registrant or the site that is linked for the works of a DOI, and where that is
    not known the source that showed it first. A work without a DOI or arXiv id is spoken for by its own site.
    """
    if scheme_of(paper.identifier) == "arxiv":
        return Standing.OWN if is_of_kind(source, kind, ARXIV_KINDS) else Standing.NONE
    host, (scheme, _, rest) = host_of(source.url), paper.identifier.partition(":")
    sites = (sites_of(rest) if scheme == "doi" else ()) or (host_of(paper.url),)
    if host and any(host == site or host.endswith(f".{site}") for site in sites):
        return Standing.OWN
    return Standing.FIRST if paper.told_by_id in (None, source.pk) else Standing.NONE


def texts_of(row: Paper | Entry) -> dict[str, Any]:
    """Return what a version of a work says, as JSON holds it."""
    return {"title": row.title, "abstract": row.abstract, "authors": list(row.authors), "version": row.version}


def snapshot(paper: Paper) -> dict[str, Any]:
    """Return what a change may change, as JSON holds it."""
    kept = {name: getattr(paper, name) for name in TOLD} | {"told_by_id": paper.told_by_id}
    return kept | {"withdrawn_at": paper.withdrawn_at and paper.withdrawn_at.isoformat()}


def put_back(paper: Paper, before: Mapping[str, Any]) -> None:
    """Give a paper what a snapshot says it was; not saved yet."""
    for name, value in before.items():
        setattr(paper, name, parse_datetime(value) if name == "withdrawn_at" and value else value)
    if paper.told_by_id and not Source.objects.filter(pk=paper.told_by_id).exists():
        paper.told_by_id = None


def claimed_by(entry: Entry, paper: Paper) -> tuple[PaperChange.Kind, dict[str, Any]] | None:
    """Return what an entry says of a paper beyond what is stored, None where it says nothing new."""
    if entry.withdrawn and paper.withdrawn_at is None:
        return Kind.WITHDRAWAL, {"version": entry.version}
    if entry.title and entry.version > paper.version:
        return Kind.VERSION, texts_of(entry)
    if entry.abstract and not paper.abstract:
        return Kind.TEXT, texts_of(entry)
    return None


def apply(change: PaperChange, paper: Paper, *, now: datetime) -> None:
    """Give the paper what was claimed; not saved yet."""
    if change.kind == Kind.WITHDRAWAL:
        paper.withdrawn_at = now
        return
    said = change.said if change.kind == Kind.VERSION else {"abstract": change.said["abstract"]}
    for name, value in said.items():
        setattr(paper, name, value)
