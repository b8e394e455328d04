"""Share what all of arXiv's formats have in common."""

from __future__ import annotations

from collections.abc import Iterable

from digest.identifiers.canonical import canonical_identifier, version_of
from digest.ingest.parsers.taxonomy import CATEGORIES

EASTERN = "America/New_York"  # arXiv's days


def identifiers_of(candidates: Iterable[str], *, dois: str = "") -> tuple[tuple[str, ...], int]:
    """Return the identifiers of an arXiv paper, its arXiv id first, and the highest version its names carry.

    ``candidates`` are ids, guids and links; ``dois`` is the field that authors fill, which may hold several, separated
    by spaces. No identifiers when none of the candidates is an arXiv id.
    """
    found, version = "", 1
    for candidate in candidates:
        name = canonical_identifier(candidate)
        if name.startswith("arxiv:") and name == (found or name):
            found, version = name, max(version, version_of(candidate))
    more = [name for part in dois.split()[:10] if (name := canonical_identifier(part.rstrip(",;"))).startswith("doi:")]
    return (tuple(dict.fromkeys((found, *more))) if found else ()), version


def page_of(identifiers: tuple[str, ...]) -> str:
    """Return the abstract page, to which arXiv asks to link."""
    return "https://arxiv.org/abs/" + identifiers[0].removeprefix("arxiv:")


def known_categories(terms: Iterable[str]) -> tuple[str, ...]:
    """Return the terms that are arXiv's own, in order, each once; the ACM and MSC codes beside them are dropped."""
    return tuple(dict.fromkeys(term for term in terms if term in CATEGORIES))
