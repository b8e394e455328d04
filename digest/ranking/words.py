"""Split a text into words: folded, split at hyphens, in the singular. Tagging and ranking use it for every text."""

from __future__ import annotations

import re
import unicodedata

from subscriptions.unicode_text import normalise

LONGEST = 100_000  # characters; the rest is not read
# A longer one is a string of symbols that no reader would type.
LONGEST_WORD = 40

WORD = re.compile(r"([^\W_]+(?:\+\+|#)?)(?:'s\b)?")  # C++ and C# are words; Parkinson's is Parkinson
_UNDECOMPOSED = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "’": "'"}
)
IRREGULAR = {
    "analyses": "analysis", "axes": "axis", "biases": "bias", "caches": "cache", "corpora": "corpus",
    "criteria": "criterion", "hypotheses": "hypothesis", "indices": "index", "lenses": "lens", "matrices": "matrix",
    "phenomena": "phenomenon", "spectra": "spectrum", "syntheses": "synthesis", "vertices": "vertex",
    "bias": "bias", "lens": "lens", "series": "series", "species": "species",
}  # fmt: skip

STOP_WORDS = frozenset(
    """
    a about above across after again against all almost along already also although always am among an and another any
    anything are around as at back be became because become becomes been before being below between both but by can
    cannot could did do does doing done down due during each either else enough even ever every everything few first
    for former found from further get give given go had has have having he hence her here hers him his how however if
    in indeed instead into is it its itself last latter least less like made make many may me might mine more moreover
    most mostly much must my namely neither never nevertheless next no nobody none nor not nothing now of off often on
    once one only onto or other others otherwise our ours out over own part per perhaps please put quite rather re
    really same see seem seemed seems several she should show since so some something sometimes still such take than
    that the their theirs them then there thereby therefore these they thing this those though three through thus to
    together too toward towards two under until up upon us use used using various very via was we well were what
    whatever when where whereas whether which while who whole whom whose why will with within without would yet you
    your yours
    """.split()
)


def fold(text: str) -> str:
    """Remove case and accents: ``Łukasz Müller`` is ``lukasz muller``."""
    if text.isascii():
        return text.lower()
    decomposed = normalise("NFKD", text.casefold(), limit=LONGEST)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).translate(_UNDECOMPOSED)


def singular(word: str) -> str:
    """Remove the s of a plural: a rule of thumb, applied to both sides of a comparison."""
    if len(word) < 4 or word[-1] not in "sa":
        return word
    if known := IRREGULAR.get(word):
        return known
    if word.endswith(("ss", "us", "is", "a")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1]


def words(text: str) -> list[str]:
    """Return every word in order, stop words too, to search phrases in."""
    return [singular(word) for word in WORD.findall(fold(text))]


def telling_words(text: str) -> list[str]:
    """Return the words in order without stop words, numbers, single letters and overlong words."""
    return [
        singular(word)
        for word in WORD.findall(fold(text))
        if 2 <= len(word) <= LONGEST_WORD and word not in STOP_WORDS and not word.isdecimal()
    ]
