"""What all forms in which arXiv tells about its papers have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable

from digest.ingest.entry import canonical_identifier, version_of
from digest.ingest.parsers.taxonomy import CATEGORIES

EASTERN = "America/New_York"  # arXiv's days

_TAKEN_BACK = (
    r"\s*(?:(?:this|the|paper|article|submission|manuscript|work|preprint|version|authors?|has|have|been|is|was|being|now"
    r"|temporarily)\s+){0,7}withdrawn\b(?!\s+from\s+(?!(?:the\s+)?arxiv))"  # withdrawn from a conference is still here
)
_AT_THE_START = re.compile(_TAKEN_BACK, re.I)
_IN_A_CLAUSE = re.compile(rf"(?:^|[.,;:(]){_TAKEN_BACK}", re.I)


def identifiers_of(candidates: Iterable[str], *, dois: str = "") -> tuple[tuple[str, ...], int]:
    """The identifiers of an arXiv paper, its arXiv id first, and the highest version its names carry.

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
    """The abstract page, to which arXiv asks to link."""
    return "https://arxiv.org/abs/" + identifiers[0].removeprefix("arxiv:")


def known_categories(terms: Iterable[str]) -> tuple[str, ...]:
    """The terms that are arXiv's own, in order, each once; the ACM and MSC codes beside them are dropped."""
    return tuple(dict.fromkeys(term for term in terms if term in CATEGORIES))


def says_withdrawn(*, comment: str = "", abstract: str = "", title: str = "") -> bool:
    """Whether the authors or the archive took a paper back, as far as its comment, abstract or title tell."""
    return bool(
        _IN_A_CLAUSE.search(comment[:2000])
        or _AT_THE_START.match(abstract[:500])
        or title.upper().startswith("WITHDRAWN:")
    )
