"""Clean a title, a name or an abstract of a source for readers."""

from __future__ import annotations

import re

from digest.text.limits import MOST
from digest.text.marks import visible, without_html
from digest.text.tex import without_tex

_MARKS = str.maketrans(dict.fromkeys("\\{}$^_&<>~`", " "))
# "Abstract interpretation" and "Abstract Syntax Trees" are not headings.
_HEADING = re.compile(r"\A\s*(?:<[^<>]{0,80}>\s*)*abstract\s*(?:</[^<>]{0,40}>|\n)", re.I)
_HEADING_READ = re.compile(
    r"\A(?:(?i:abstract) ?[:.—–-]+ ?|ABSTRACT |Abstract (?=(?:We|This|The|In|Our|An?|Background|Motivation)\b))+(?=.)"
)
# "&amp;amp;lt;" and "\textbackslash alpha" need two rounds of cleaning; only an attack needs more.
_ROUNDS = 8


def clean(text: str, *, html: bool = True) -> str:
    """Return ``text`` as readable Unicode on one line, without TeX, entities, tags, controls or invisible characters.

    Never raises; ``clean(clean(text)) == clean(text)``. Plain words are unchanged except for white space (one space
    each) and composition (NFC); a text with letters is never emptied. Reads and returns at most the first :data:`MOST`
    characters, in linear time. ``html=False`` keeps entities and tags.
    """
    return clean_repeatedly(text, html=html)


def clean_repeatedly(text: str, *, html: bool, limit: int = MOST) -> str:
    """Clean the first ``limit`` characters until another round changes nothing, so that nested marks go too."""
    text = visible(text[:limit])
    for _ in range(_ROUNDS):
        cleaned = _once(text, html=html)[:limit].strip()
        if cleaned == text:
            return text
        text = cleaned
    return visible(text.translate(_MARKS))


def _once(text: str, *, html: bool) -> str:
    source = without_html(text) if html else text
    drawn = visible(without_tex(visible(source)))
    if not drawn and any(map(str.isalnum, source)):
        return visible(source.translate(_MARKS))
    return drawn


def clean_abstract(text: str) -> str:
    """Clean an abstract: join its paragraphs and remove the heading "Abstract" of some sources."""
    cleaned = clean(_HEADING.sub("", text[:MOST]))
    return clean_repeatedly(_HEADING_READ.sub("", cleaned), html=True)
