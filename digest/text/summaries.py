"""Check a one-line summary that a model wrote, before a reader sees it."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final
from unicodedata import name

from digest.text.marks import visible
from digest.text.reading import clean
from digest.text.sentences import sentences
from digest.text.symbols import names_in
from subscriptions.unicode_text import normalise

LONGEST: Final = 300
"""Characters of a summary. A longer one is refused, not cut: its end may be what makes it true."""
MOST_READ: Final = 20_000  # characters of an answer, far more than a summary has
SHORTEST_WORDS = 5
MOST_SENTENCES = 2
# The frequent words of English, of which a sentence has so many, and more than of those of its neighbours.
_ENGLISH = frozenset(
    names_in(
        """a an the of and to for with by that are is in on we our as at from this which using it be can without has
        have their its into when while more than how through across between both not these they via but where after"""
    )
)
_OTHERS = frozenset(
    names_in(
        """el la los las una que del en con por para se su y un les des une est dans pour sur par qui et du le und der
        die das ist nicht ein eine von mit den zu auf het een van zijn voor met op il che di per della gli non uma os
        dos da em och att som av er det på"""
    )
)
_LEAST_ENGLISH = 0.1
_LEAST_LATIN = 0.8
# So many words in a row are no coincidence.
_COPIED = 6
_MARKUP = re.compile(
    r"\*\*|__|`|\[[^\]]{0,200}\]\(|https?://|www\.|^\s{0,3}(?:#{1,6}|[-*•>]|\d{1,2}[.)])\s|</?[a-z!|]|\\[a-z]", re.I
)
_THOUGHT = re.compile(r"\A\s*<think>.{0,50000}?</think>", re.S)
_PREFACE = re.compile(
    r"\A(?:sure|certainly|of course|here(?:'s| is| are)|okay|title:|abstract:|summary|one[- ]sentence|tl;?dr"
    r"|as an ai|i(?:'m| am) (?:sorry|unable)|i can ?not|sorry\b)",
    re.I,
)


class Refusal(StrEnum):
    """Why a summary is not shown."""

    EMPTY = "empty"
    LENGTH = "length"
    MARKUP = "markup"
    LANGUAGE = "language"
    PROMPT = "prompt"


def plain_answer(text: str) -> str:
    """Return a model's answer on one line: without its thoughts, invisible characters and the quotes around it."""
    line = visible(normalise("NFC", _THOUGHT.sub("", text), limit=MOST_READ))
    if len(line) > 1 and (line[0], line[-1]) in {('"', '"'), ("“", "”"), ("'", "'")}:
        line = line[1:-1].strip()
    return line


def why_refused(summary: str, *, title: str, prompt: str = "") -> Refusal | None:
    """Return why a plain answer must not be shown as the summary of ``title``; None for a good one.

    ``prompt`` are the instructions that the model was given, of which a summary has nothing.
    """
    words = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", summary.lower())
    if not words:
        return Refusal.EMPTY
    if _MARKUP.search(summary) or clean(summary) != summary:
        return Refusal.MARKUP
    if _PREFACE.match(summary) or _same(summary, title) or _shares_a_run(words, prompt):
        return Refusal.PROMPT
    if len(summary) > LONGEST or len(sentences(summary)) > MOST_SENTENCES:
        return Refusal.LENGTH
    if not _is_english(summary, words):
        return Refusal.LANGUAGE
    return Refusal.LENGTH if len(words) < SHORTEST_WORDS else None


def _same(summary: str, title: str) -> bool:
    one, other = (re.sub(r"\W+", "", text.lower()) for text in (summary, title))
    return one == other


def _shares_a_run(words: list[str], prompt: str) -> bool:
    asked = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", prompt.lower())
    runs = {tuple(asked[at : at + _COPIED]) for at in range(len(asked) - _COPIED + 1)}
    return any(tuple(words[at : at + _COPIED]) in runs for at in range(len(words) - _COPIED + 1))


def _is_english(summary: str, words: list[str]) -> bool:
    letters = [letter for letter in summary if letter.isalpha()]
    latin = sum(name(letter, "").startswith("LATIN") for letter in letters)
    known, foreign = (sum(word in some for word in words) for some in (_ENGLISH, _OTHERS))
    return latin >= _LEAST_LATIN * len(letters) and known >= max(_LEAST_ENGLISH * len(words), foreign + 1)
