"""Write a reference as BibTeX, in UTF-8, with TeX's own characters escaped."""

from __future__ import annotations

import re

from digest.citations.reference import Name, Reference, one_line

# BibTeX counts braces even behind a backslash, so a brace is written as a command.
_ESCAPED = str.maketrans(
    {
        "\\": r"{\textbackslash}",
        "{": r"{\textbraceleft}",
        "}": r"{\textbraceright}",
        "~": r"{\textasciitilde}",
        "^": r"{\textasciicircum}",
        **{character: f"\\{character}" for character in "%&$#_"},
    }
)
# Styles write titles in small letters, but not what is in braces: GPT-4, DNA, LaTeX, McDonald
_HAS_CAPITALS = re.compile(r"\S*(?:\w[A-Z]|[A-Z]\d)\S*")
_VERBATIM = re.compile(r"[^\s{}\\]+")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def bibtex(reference: Reference) -> str:
    """Return one ``@misc`` entry, which every style prints without the name of a journal."""
    year, month = (*reference.date_parts, 0, 0)[:2]
    fields = {
        "title": _title(reference.title),
        "author": " and ".join(map(_author, reference.authors)),
        "year": str(year or ""),
        "eprint": _verbatim(reference.arxiv),
        "archiveprefix": "arXiv" if reference.arxiv else "",
        "primaryclass": _verbatim(reference.primary_class) if reference.arxiv else "",
        "doi": _verbatim(reference.doi),
        "url": _verbatim(reference.url),
        "abstract": escape(reference.abstract),
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    if month:
        lines.insert(lines.index(f"  year = {{{year}}}") + 1, f"  month = {MONTHS[month - 1]}")
    return f"@misc{{{reference.key},\n" + ",\n".join(lines) + "\n}\n"


def escape(text: str) -> str:
    """Return text of one line for a field in braces."""
    return one_line(text).translate(_ESCAPED)


def _title(title: str) -> str:
    words = one_line(title).split(" ")
    return " ".join(
        f"{{{word.translate(_ESCAPED)}}}" if _HAS_CAPITALS.fullmatch(word) else word.translate(_ESCAPED)
        for word in words
    )


def _author(name: Name) -> str:
    """Return ``von Family, Jr., Given``; a name without given names goes in braces and is not split."""
    if not name.given:
        return f"{{{escape(name.family)}}}"
    return ", ".join(_guarded(part) for part in (name.surname, name.suffix, name.given) if part)


def _guarded(part: str) -> str:
    """Return a part of a name in which neither a comma nor an "and" parts it further."""
    escaped = escape(part)
    return f"{{{escaped}}}" if "," in escaped or re.search(r"\band\b", escaped, re.I) else escaped


def _verbatim(text: str) -> str:
    """Return a link or an id, which styles print as it is; nothing where that would break the entry."""
    return text if _VERBATIM.fullmatch(text) else ""
