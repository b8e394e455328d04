"""Search as it was before there was an index: by the words of their titles and abstracts, best first.

Every word must occur, in any case, also inside a longer word; the database finds that with LIKE, which SQLite and
PostgreSQL both support. The newest matches are ordered by BM25, where a word in the title counts as TITLE words of the
abstract, a whole word as twice a part of one, and the typed phrase as one more word. Rarity is left out, since each
match has all words.
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

LONGEST, MOST_WORDS = 200, 8  # characters and words of the query; the rest is ignored
MOST = 200  # newest matches that are ranked
TITLE = 4.0
SATURATION, LENGTH = 1.2, 0.75  # BM25's k1 and b

_EDGES = " .,;:!?\"'“”‘’«»()[]{}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """The words and the papers found, best first; ``is_cut`` if older matches were left out."""

    words: tuple[str, ...]
    papers: tuple[int, ...]  # ids
    is_cut: bool = False


def words_of(typed: str) -> tuple[str, ...]:
    """Split a query into words: printable, each once, at most eight, from at most 200 characters."""
    words = (word.strip(_EDGES) for word in one_line(typed[:LONGEST]).split())
    return tuple(dict.fromkeys(word for word in words if word))[:MOST_WORDS]


def search(typed: str, *, now: datetime) -> SearchResult:
    """Return the papers of any edition that may be shown at ``now`` and have all words. One query."""
    words = words_of(typed)
    if not words:
        return SearchResult(words=(), papers=())
    has_all = Q()
    # the longest word first: it is likely the rarest
    for word in sorted(words, key=len, reverse=True):
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
    """Return the condition for a word. SQLite's LIKE folds only ASCII, so other words are tried in several cases."""
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
    # a stable sort: of equals the newer stays first
    return [pk for _, pk in sorted(scored, key=lambda one: -one[0])]


def _pattern(phrase: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)({re.escape(phrase)})(?!\w)|{re.escape(phrase)}")


def _occurrences(pattern: re.Pattern[str], text: str) -> float:
    """Count the occurrences; a part of a word counts half."""
    return sum(1.0 if match[1] is not None else 0.5 for match in pattern.finditer(text))
