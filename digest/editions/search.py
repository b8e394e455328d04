"""Search the papers of all editions by the words of their titles and abstracts, best first.

Every word must occur, whatever its case, be it inside a longer word; the database finds that with LIKE, which SQLite
and PostgreSQL both know. Of the newest matches the best come first: BM25 over the words, where a word of the title
counts as TITLE words of the abstract, a whole word as twice a part of one, and words side by side, as they were typed,
as one more word. How rare a word is says nothing here, for each match has all of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from digest.models import EditionPaper, Paper
from digest.ranking.words import fold
from subscriptions.mail.rendering import one_line

LONGEST, MOST_WORDS = 200, 8  # of what is typed; more is left out
MOST = 200  # matches that are ranked, the newest ones
TITLE = 4.0
SATURATION, LENGTH = 1.2, 0.75  # BM25's k1 and b

_EDGES = " .,;:!?\"'“”‘’«»()[]{}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What was searched for and what was found, best first; ``is_cut`` where older matches were left out."""

    words: tuple[str, ...]
    papers: tuple[int, ...]  # ids
    is_cut: bool = False


def words_of(typed: str) -> tuple[str, ...]:
    """The words that are searched for: printable, each once, at most eight, from at most 200 characters."""
    words = (word.strip(_EDGES) for word in one_line(typed[:LONGEST]).split())
    return tuple(dict.fromkeys(word for word in words if word))[:MOST_WORDS]


def search(typed: str, *, now: datetime) -> SearchResult:
    """The papers of any edition that may be shown at ``now`` and have all these words: one query."""
    words = words_of(typed)
    if not words:
        return SearchResult(words=(), papers=())
    has_all = Q()
    for word in sorted(words, key=len, reverse=True):  # the longest is the rarest: less is left to look through
        has_all &= _has(word)
    shown = EditionPaper.objects.filter(paper=OuterRef("pk")).shown(now)
    rows = list(
        Paper.objects.filter(has_all)
        .filter(Exists(shown))
        .order_by("-first_seen_at", "-pk")
        .values_list("pk", "title", "abstract")[: MOST + 1]
    )
    return SearchResult(words=words, papers=tuple(_best_first(rows[:MOST], words)), is_cut=len(rows) > MOST)


def _has(word: str) -> Q:
    """SQLite's LIKE knows the case of ASCII letters only, so other words are looked for as they may be written."""
    spellings = {word}
    if not word.isascii() and connection.vendor == "sqlite":
        spellings |= {word.lower(), word.upper(), word.capitalize(), fold(word)}
    found = Q()
    for spelling in sorted(spellings):
        found |= Q(title__icontains=spelling) | Q(abstract__icontains=spelling)
    return found


def _best_first(rows: Sequence[tuple[Any, ...]], words: Sequence[str]) -> list[int]:
    texts = [(pk, fold(title), fold(abstract)) for pk, title, abstract in rows]
    average = sum(len(title) + len(abstract) for _, title, abstract in texts) / max(len(texts), 1) or 1
    phrases = [fold(word) for word in words]
    if len(phrases) > 1:
        phrases.append(" ".join(phrases))
    patterns = [_pattern(phrase) for phrase in phrases]

    def score(title: str, abstract: str) -> float:
        damp = SATURATION * (1 - LENGTH + LENGTH * (len(title) + len(abstract)) / average)
        counts = (TITLE * _occurrences(pattern, title) + _occurrences(pattern, abstract) for pattern in patterns)
        return sum(count / (count + damp) for count in counts if count)

    scored = [(score(title, abstract), pk) for pk, title, abstract in texts]
    return [pk for _, pk in sorted(scored, key=lambda one: -one[0])]  # of equals the newer stays first


def _pattern(phrase: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)({re.escape(phrase)})(?!\w)|{re.escape(phrase)}")


def _occurrences(pattern: re.Pattern[str], text: str) -> float:
    """How often it stands there; a part of a word counts half."""
    return sum(1.0 if match[1] is not None else 0.5 for match in pattern.finditer(text))
