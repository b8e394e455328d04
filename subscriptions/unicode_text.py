"""Clean typed texts, and normalize Unicode in linear time, whatever is in a text."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Literal

LONGEST_TEXT = 20_200  # characters that a field takes: a hundred phrases of 200, each on a line
MOST_NON_STARTERS = 30  # the Stream-Safe Text Format of Unicode Standard Annex 15
JOINER = "\N{COMBINING GRAPHEME JOINER}"
# All non-starters lie above U+02FF and decompose to two at most, and any other character ends in three at most: where
# fewer than 14 of these follow each other, there are at most 29 non-starters.
_LONG_RUN = re.compile(r"[\0-\u02ff]?[^\0-\u02ff]{14,}")


def normalise(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str, *, limit: int) -> str:
    """Return the first ``limit`` characters of ``text`` in a normal form, with no more than 30 non-starters in a row.

    CPython orders a run of combining characters in quadratic time (issue 149079) up to 3.11.15, 3.12.13 and 3.13.13.
    """
    text = text[:limit]
    return text if text.isascii() else unicodedata.normalize(form, stream_safe(text))


def clean_text(text: str) -> str:
    """Normalize to NFC and remove control characters, bidi overrides, invisible marks and lone surrogates.

    Line breaks stay, and so do the joiners that Indic scripts and Persian need. Only 20,200 characters are read.
    """
    text = text[:LONGEST_TEXT].replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    kept = (c for c in text if c in "\n\u200c\u200d" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Cn"))
    return normalise("NFC", "".join(kept), limit=LONGEST_TEXT)


def stream_safe(text: str) -> str:
    """Return ``text`` with a combining grapheme joiner wherever the 31st non-starter in a row would come."""
    return _LONG_RUN.sub(lambda run: _broken(run[0]), text)


def _broken(run: str) -> str:
    if not any(map(any, map(_non_starters, set(run)))):
        return run
    kept = []
    count = 0
    for character in run:
        leading, trailing, is_all = _non_starters(character)
        if count + leading > MOST_NON_STARTERS:
            kept.append(JOINER)
            count = 0
        kept.append(character)
        count = count + leading if is_all else trailing
    return "".join(kept)


@lru_cache(maxsize=1 << 14)
def _non_starters(character: str) -> tuple[int, int, bool]:
    """Return how many non-starters the decomposed character begins with and ends with, and whether it has no other."""
    # one character at a time: 18 at most come of it
    classes = [unicodedata.combining(part) for part in unicodedata.normalize("NFKD", character)]
    leading = next((at for at, one in enumerate(classes) if not one), len(classes))
    trailing = next((at for at, one in enumerate(reversed(classes)) if not one), len(classes))
    return leading, trailing, leading == len(classes)
