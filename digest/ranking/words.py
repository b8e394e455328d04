"""Split a text into words: folded, split at hyphens, in the singular. Tagging and ranking use it for every text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from subscriptions.unicode_text import normalise

LONGEST = 100_000  # characters; the rest is not read
LEFT_OUT = -2  # the number of a word that says nothing
# A longer one is a string of symbols that no reader would type.
LONGEST_WORD = 40

WORD = re.compile(r"([^\W_]+(?:\+\+|#)?)(?:'s\b)?")  # C++ and C# are words; Parkinson's is Parkinson
_UNDECOMPOSED = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "’": "'"}
)
_NOT_ASCII = re.compile(r"[^\0-\x7f]+")
# of ASCII: all but letters and digits
_SEPARATORS = str.maketrans({code: " " for code in map(chr, range(128)) if not code.isalnum()})
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
    return _NOT_ASCII.sub(_folded_run, normalise("NFKD", text.casefold(), limit=LONGEST))


def _folded_run(run: re.Match[str]) -> str:
    return "".join(c for c in run[0] if not unicodedata.combining(c)).translate(_UNDECOMPOSED)


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
    return [singular(word) for word in raw_words(text)]


def telling_words(text: str) -> list[str]:
    """Return the words in order without stop words, numbers, single letters and overlong words."""
    return [singular(word) for word in raw_words(text) if is_telling(word)]


def raw_words(text: str) -> list[str]:
    """Return every word in order, folded, plurals as they are."""
    text = fold(text)
    # what the pattern finds in most texts, in a tenth of the time
    if text.isascii() and not ("'" in text or "+" in text or "#" in text):
        return text.translate(_SEPARATORS).split()
    return WORD.findall(text)


def is_telling(word: str) -> bool:
    """Return whether a raw word says something of a text: no stop word, number, single letter or overlong word."""
    return 2 <= len(word) <= LONGEST_WORD and word not in STOP_WORDS and not word.isdecimal()


class WordNumbers(dict[str, int]):
    """Numbers of raw words: ``number`` is called once for each word, with its singular.

    The number of a word that says nothing is LEFT_OUT, unless ``every`` word counts.
    """

    def __init__(self, number: Callable[[str], int], *, every: bool = False) -> None:
        self._number, self._every = number, every

    def __missing__(self, word: str) -> int:
        self[word] = self._number(singular(word)) if self._every or is_telling(word) else LEFT_OUT
        return self[word]

    def of(self, text: str) -> list[int]:
        """Return the numbers of a text's words in order, without those left out."""
        numbers = map(self.__getitem__, raw_words(text))
        return list(numbers) if self._every else [number for number in numbers if number != LEFT_OUT]
