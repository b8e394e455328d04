"""Remove the marks that HighWire leaves in the abstracts of bioRxiv and medRxiv: ``O_ST_ABSBackgroundC_ST_ABSWe …``.

``O_`` opens and ``C_`` closes what was an element; words are glued to both.
"""

from __future__ import annotations

import re

# a figure or table: its file names, "View larger version" and the names of Java objects
_FIGURE = re.compile(r"\s*O_(FIG|TBL|TEXTBOX|INLINEFIG)\b(?:(?!C_\1\b).)*(?:C_\1\b\s*|\Z)", re.S)
_ABSTRACT = re.compile(r"\A\s*AO_SCPLOWBSTRACTC_SCPLOW")
_HEADING = re.compile(r"\s*O_ST_ABS((?:(?!C_ST_ABS).){0,200}?)\s*C_ST_ABS\s*", re.S)
_SMALL_CAPITALS = re.compile(r"[OC]_SCP(?:LOW|CAP)")
_OTHER = re.compile(r"\s*[OC]_(?:ST_ABS|LI|FIG|TBL|TEXTBOX|INLINEFIG)(?=[A-Z]?[^A-Z_]|[OC]_|\Z)\s*")


def without_highwire(text: str) -> str:
    """Return a text without HighWire's marks; a heading of a part ends with a colon."""
    if "O_" not in text and "C_" not in text:
        return text
    text = _FIGURE.sub(" ", _ABSTRACT.sub("", text))
    text = _HEADING.sub(lambda found: f" {found[1]}{' ' if found[1][-1:] in '?.:!' else ': '}", text)
    return _OTHER.sub(" ", _SMALL_CAPITALS.sub("", text))
