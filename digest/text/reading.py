"""A title, a name or an abstract as a source wrote it -> what a reader reads."""

from __future__ import annotations

import re

from digest.text.marks import MOST, visible, without_html
from digest.text.tex import without_tex

_MARKS = str.maketrans(dict.fromkeys("\\{}$^_&<>~`", " "))
# "Abstract interpretation" and "Abstract Syntax Trees" are no headings.
_HEADING = re.compile(r"\A\s*(?:<[^<>]{0,80}>\s*)*abstract\s*(?:</[^<>]{0,40}>|\n)", re.I)
_HEADING_READ = re.compile(
    r"\A(?:(?i:abstract) ?[:.—–-]+ ?|ABSTRACT |Abstract (?=(?:We|This|The|In|Our|An?|Background|Motivation)\b))+(?=.)"
)
_ROUNDS = 8  # of cleaning: "&amp;amp;lt;" and "\textbackslash alpha" need two, only an attack needs more


def clean(text: str, *, html: bool = True) -> str:
    """``text`` as readable Unicode on one line: TeX drawn, entities read, tags, controls and invisible characters gone.

    Never raises; ``clean(clean(text)) == clean(text)``; plain words come back as they are but for white space (one
    space each) and composition (NFC); letters never leave nothing behind. At most the first :data:`MOST` characters are
    read, and as many returned; the work is linear in them. ``html=False`` leaves entities and tags as they stand.
    """
    return clean_repeatedly(text, html=html)


def clean_repeatedly(text: str, *, html: bool, limit: int = MOST) -> str:
    """The first ``limit`` characters cleaned until another round would change nothing: marks under marks go too."""
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
    """:func:`clean` for an abstract: its paragraphs in one, without the heading "Abstract" of some sources."""
    cleaned = clean(_HEADING.sub("", text[:MOST]))
    return clean_repeatedly(_HEADING_READ.sub("", cleaned), html=True)
