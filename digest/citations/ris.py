"""Write a reference in RIS, the format of EndNote, Zotero and Mendeley."""

from __future__ import annotations

from collections.abc import Iterator

from digest.citations.reference import Name, Reference, one_line


def ris(reference: Reference) -> str:
    """Return one record: a tag and its value a line, each line ended by CR LF, and no value with a line end in it."""
    return "".join(f"{tag}  - {one_line(value)}\r\n" for tag, value in _lines(reference)) + "ER  - \r\n"


def _lines(reference: Reference) -> Iterator[tuple[str, str]]:
    # as @misc in BibTeX: no journal's name is known here, so nothing is an article of one
    yield "TY", "UNPB" if reference.is_preprint else "GEN"
    yield "ID", reference.key
    yield "TI", reference.title
    for author in reference.authors:
        yield "AU", _author(author)
    if parts := reference.date_parts:
        yield "PY", str(parts[0])
        # all three slashes stand, also where less is known
        yield "DA", "/".join([f"{parts[0]}", *(f"{part:02}" for part in parts[1:]), "", "", ""][:4])
    if reference.arxiv:
        yield "PB", "arXiv"
        yield "M1", f"arXiv:{reference.arxiv}"
    for tag, value in (("DO", reference.doi), ("UR", reference.url), ("AB", reference.abstract)):
        if value:
            yield tag, value


def _author(name: Name) -> str:
    """Return ``Family, Given, Suffix``."""
    return ", ".join(part.replace(",", "") for part in (name.surname, name.given, name.suffix) if part)
