"""Write a reference as CSL-JSON, which Zotero, Pandoc and citeproc read."""

from __future__ import annotations

import json
from typing import Any

from digest.citations.reference import Name, Reference, one_line


def csl_json(*references: Reference) -> str:
    """Return a list of items."""
    return json.dumps([csl_item(reference) for reference in references], ensure_ascii=False, indent=2) + "\n"


def csl_item(reference: Reference) -> dict[str, Any]:
    """Return the item; what is unknown is left out."""
    item: dict[str, Any] = {
        "id": reference.key,
        # as @misc in BibTeX: no journal's name is known here, so nothing is an article of one
        "type": "article" if reference.is_preprint else "document",
        "title": one_line(reference.title),
        "author": [_author(name) for name in reference.authors],
        "issued": {"date-parts": [list(reference.date_parts)]} if reference.date_parts else None,
        "publisher": "arXiv" if reference.arxiv else "",
        "number": f"arXiv:{reference.arxiv}" if reference.arxiv else "",
        "genre": "preprint" if reference.is_preprint else "",
        "DOI": reference.doi,
        "URL": reference.url,
        "abstract": one_line(reference.abstract),
    }
    return {name: value for name, value in item.items() if value}


def _author(name: Name) -> dict[str, str]:
    if not name.given:
        return {"literal": name.family}
    parts = {
        "family": name.family,
        "given": name.given,
        "non-dropping-particle": name.particle,
        "suffix": name.suffix,
    }
    return {key: value for key, value in parts.items() if value}
