"""Order the papers that a query found: BM25 over their fields, with the typed phrase as one more word.

Formula: BM25F after Robertson and Zaragoza (2009): an occurrence in the title counts TITLE times, in the authors
AUTHORS times. A title that the query covers more of comes before a longer one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log1p

from digest.search.analysis import initial_of
from digest.search.query import Clause, Query, is_common

TITLE, AUTHORS = 4.0, 3.0
SATURATION, LENGTH = 1.2, 0.75  # BM25's k1 and b
AVERAGE = 190  # terms of a title, its authors and an abstract
PHRASE, COVERED = 0.5, 0.5  # as parts of the sum of all words' rarities
COMMON = 0.1  # rarity of a word such as "the"
FIELDS = ("title", "authors", "abstract")
WEIGHTS = {"title": TITLE, "authors": AUTHORS, "abstract": 1.0}


@dataclass(frozen=True, slots=True)
class Found:
    """A paper that was found, as the index has it."""

    pk: int
    title: str
    authors: str
    abstract: str


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A clause's alternatives, each between spaces, the fields they may be in with their weights, and its rarity."""

    needles: tuple[str, ...]
    fields: tuple[tuple[int, float], ...]
    rarity: float


def rarity(having: int, papers: int) -> float:
    """Return BM25's idf of a term that so many of all papers have."""
    return log1p((max(papers - having, 0) + 0.5) / (having + 0.5))


def order(rows: Sequence[Found], query: Query, having: Mapping[Clause, int], papers: int) -> list[int]:
    """Return the ids of these papers, best first and of equals the newest."""
    wanted = [
        _Wanted(
            tuple(f" {' '.join(terms)} " for terms in clause.alternatives),
            tuple((at, WEIGHTS[name]) for at, name in enumerate(FIELDS) if clause.field in ("", name)),
            COMMON if is_common(clause) else rarity(having.get(clause, 0), papers),
        )
        for clause in query.clauses
    ]
    terms = [term for clause in query.clauses for term in clause.alternatives[0]]
    phrases = tuple(f" {form} " for form in _phrases(terms))
    return [pk for _, pk in sorted(((_score(row, wanted, phrases), row.pk) for row in rows), reverse=True)]


def _phrases(terms: Sequence[str]) -> Iterator[str]:
    """Return all terms as a phrase and, for *Curie M* and *M. Curie*, the name with its initial."""
    if len(terms) > 1:
        yield " ".join(terms)
    if len(terms) == 2:
        yield from (f"{initial_of(one)} {other}" for one, other in (terms, terms[::-1]) if len(one) == 1)


def _score(row: Found, wanted: Sequence[_Wanted], phrases: Sequence[str]) -> float:
    texts = (f" {row.title} ", f" {row.authors} ", f" {row.abstract} ")
    length = sum(text.count(" ") for text in texts)
    damp = SATURATION * (1 - LENGTH + LENGTH * length / AVERAGE)
    total, most, in_title = 0.0, 0.0, 0.0
    for one in wanted:
        most += one.rarity
        weight = 0.0
        for at, times in one.fields:
            # a word that stands twice in a row counts once
            count = max(map(texts[at].count, one.needles))
            weight += times * count
            if count and at == 0:
                in_title += one.rarity
        total += one.rarity * weight / (weight + damp)
    title = row.title.partition(" ·")[0]
    total += COVERED * in_title * min(1.0, len(wanted) / (title.count(" ") + 1))
    if phrases:
        weight = sum(
            times
            for text, times in zip(texts, WEIGHTS.values(), strict=True)
            if any(phrase in text for phrase in phrases)
        )
        total += PHRASE * most * weight / (weight + damp)
    return total
