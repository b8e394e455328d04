"""Find the papers like another: those that share its rare terms, ordered by the cosine of their TF-IDF vectors.

A vector has a paper's terms and pairs of neighbours, of title and abstract; the weight is (1 + ln count) times the
rarity 1 + ln((1 + N) / (1 + n)) of a term that n of N papers have, and for a pair the mean of its two. Where a model
makes vectors of titles, papers that mean the same are found too, and .2 times a positive cosine of the whitened vectors
counts (chosen on recorded labels, ``./run bench search --model``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from itertools import pairwise
from math import log, sqrt
from typing import Any

from digest.models import SearchText
from digest.ranking.words import STOP_WORDS
from digest.search import analysis, vocabulary
from digest.search.engine import TooSlow, rows_with, time_limit
from digest.search.find import Filters, among
from digest.search.meaning import MeantAlike, meanings

TERMS, ROWS = 20, 4000  # strongest terms of a paper, and papers that have them, of which candidates are taken
CANDIDATES, BY_MEANING = 24, 8  # papers whose texts are compared, and how many of them come from the vectors
SECONDS = 1.0
MEANING = 0.2  # of the titles' vectors beside the terms
# Cosine from which a title alone makes a paper a candidate: three deviations of unrelated ones, in some 400 dimensions
ALIKE = 0.15

_COMMON = frozenset(analysis.stem(word) for word in STOP_WORDS)

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Text:
    """The terms of a paper's title and abstract with their counts, and each pair of neighbours as often as it comes."""

    terms: Mapping[str, int]
    pairs: Sequence[Pair]

    @classmethod
    def of(cls, *fields: str) -> Text:
        """Read fields as the index keeps them."""
        found: list[str] = []
        pairs: list[Pair] = []
        for field in fields:
            terms = field.partition(f" {analysis.BREAK}")[0].split()
            terms = [term for term in terms if len(term) > 1 and term not in _COMMON and not term.isdecimal()]
            found += terms
            pairs += pairwise(terms)
        return cls(Counter(found), pairs)


def similar(paper_id: int, *, limit: int = 5, now: datetime) -> tuple[int, ...]:
    """Return the papers most like a stored one that may be shown in public at ``now``. Four to six queries, and two
    with a model.
    """
    known = meanings()
    meant = known.to(paper_id) if known else None
    try:
        with time_limit(SECONDS):
            return _similar(paper_id, meant, limit, now)
    except TooSlow:
        return ()


def _similar(paper_id: int, meant: MeantAlike | None, limit: int, now: datetime) -> tuple[int, ...]:
    row = SearchText.objects.filter(pk=paper_id).values_list("title", "abstract").first()
    if row is None:
        return ()
    text, papers = Text.of(*row), vocabulary.paper_count()
    known = vocabulary.kept_counts(text.terms, papers)
    near = _candidates(text, known, papers)
    near.pop(paper_id, None)
    by_words = nlargest(2 * CANDIDATES, near, key=near.__getitem__)
    by_meaning = [pk for pk in meant.first(2 * CANDIDATES, least=ALIKE) if pk != paper_id] if meant else []
    rows = among(Filters(), now, everything=False).filter(pk__in={*by_words, *by_meaning})
    there = {pk: fields for pk, *fields in rows.values_list("pk", "title", "abstract")}
    kept = dict.fromkeys([pk for pk in by_meaning if pk in there][:BY_MEANING])
    kept |= dict.fromkeys([pk for pk in by_words if pk in there and pk not in kept][: CANDIDATES - len(kept)])
    texts = {pk: Text.of(*there[pk]) for pk in kept}
    known = vocabulary.kept_counts({*text.terms}.union(*(one.terms for one in texts.values())), papers)
    scores = likeness(text, texts.values(), known, papers)
    if meant:
        cosines = meant.of(texts)
        scores = [score + MEANING * max(cosines.get(pk, 0), 0) for score, pk in zip(scores, texts, strict=True)]
    ordered = sorted(zip(scores, texts, strict=True), reverse=True)
    return tuple(pk for score, pk in ordered if score > 0)[:limit]


def likeness(text: Text, others: Collection[Text], having: Mapping[str, int], papers: int) -> list[float]:
    """Return the cosine of a text with each of the others.

    The length of another is that of its terms, times what pairs add to the first's: to weigh all its own pairs would
    take half the time, and orders no better.
    """
    rarity = _rarity({*text.terms}.union(*(other.terms for other in others)), having, papers)
    mine, of_pairs = _weights(text.terms, rarity), _pair_weights(text.pairs, rarity)
    of_terms = _length(mine)
    squared = of_terms**2 + _length(of_pairs) ** 2
    found = []
    for other in others:
        its = _weights(other.terms, rarity)
        shared = _pair_weights([pair for pair in other.pairs if pair in of_pairs], rarity)
        dot = sum(weight * its[term] for term, weight in mine.items() if term in its)
        dot += sum(weight * of_pairs[pair] for pair, weight in shared.items())
        found.append(dot * of_terms / (squared * _length(its)) if dot else 0.0)
    return found


def _rarity(terms: Iterable[str], having: Mapping[str, int], papers: int) -> dict[str, float]:
    return {term: 1 + log((1 + papers) / (1 + min(having.get(term, 1), papers))) for term in terms}


def _weights(terms: Mapping[str, int], rarity: Mapping[str, float]) -> dict[str, float]:
    return {term: rarity[term] if count == 1 else (1 + log(count)) * rarity[term] for term, count in terms.items()}


def _pair_weights(pairs: Sequence[Pair], rarity: Mapping[str, float]) -> dict[Pair, float]:
    counts = Counter(pairs)
    return {pair: (1 + log(count)) * (rarity[pair[0]] + rarity[pair[1]]) / 2 for pair, count in counts.items()}


def _length(weights: Mapping[Any, float]) -> float:
    return sqrt(sum(weight * weight for weight in weights.values()))


def _candidates(text: Text, known: Mapping[str, int], papers: int) -> dict[int, float]:
    """Return the papers that have some of a text's strongest terms, with the sum of these terms' weights."""
    weights = _weights(text.terms, _rarity(text.terms, known, papers))
    strongest = nlargest(TERMS, (term for term in text.terms if known.get(term, 0) > 1), key=weights.__getitem__)
    taken: list[str] = []
    rows = 0
    for term in strongest:
        if not taken or rows + known[term] <= ROWS:
            taken.append(term)
            rows += known[term]
    near: defaultdict[int, float] = defaultdict(float)
    for pk, place in rows_with(taken):
        near[pk] += weights[taken[place]]
    return near
