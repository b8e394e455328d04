"""Give each work a short name for the address of its page, and read such names as people write them.

An arXiv id or a DOI is its own name: ``2601.22153``, ``hep-th/9901001``, ``10.1101/2026.01.02.123456``. A PubMed number
has its scheme before it, ``pmid:12345``. Any other work, and one whose DOI holds what an address cannot, has the number
of its row.
"""

from __future__ import annotations

import re

from digest.identifiers.canonical import canonical_identifier

ACTS = ("bibtex", "ris", "csl", "act")  # the last part of the addresses below a paper's own
# not with a mark at the end, which is taken for the end of a sentence when the name is read
_PLAIN_DOI = re.compile(r"10\.\d{4,9}(?:/[A-Za-z0-9()_:;-][A-Za-z0-9().,_:;-]*)+(?<![.,;])", re.A)
_NUMBER = re.compile(r"[1-9]\d{0,17}", re.A)


def short_name(identifier: str, number: int) -> str:
    """Return the name of the work with this preferred identifier and this row."""
    scheme, _, rest = identifier.partition(":")
    is_plain = scheme == "arxiv" or (
        scheme == "doi" and bool(_PLAIN_DOI.fullmatch(rest)) and rest.rpartition("/")[2] not in ACTS
    )
    return rest if is_plain else identifier if scheme == "pmid" else str(number)


def named_work(name: str) -> str | int | None:
    """Return the identifier or the row's number that a name stands for; None for anything else.

    A version, a label (``arXiv:``) and capitals make no difference: ``2601.22153v3`` is ``arxiv:2601.22153``.
    """
    if _NUMBER.fullmatch(name):
        return int(name)
    identifier = canonical_identifier(name)
    return identifier if identifier.startswith(("arxiv:", "doi:", "pmid:")) else None
