"""Find the papers like another: those that share its rare terms, ordered by the cosine of their TF-IDF vectors.

A vector has a paper's terms and pairs of neighbours, of title and abstract; the weight is (1 + ln count) times the
rarity 1 + ln((1 + N) / (1 + n)) of a term that n of N papers have, and for a pair the mean of its two. Where a model
makes vectors of titles, papers that mean the same are found too, and .2 times a positive cosine of the whitened vectors
counts (chosen on recorded labels, ``./run bench search --model``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from itertools import chain, pairwise
from math import log, sqrt

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

Gram = str | tuple[str, str]


@dataclass(frozen=True, slots=True)
class Text:
    """The grams of a paper's title and abstract with their counts."""

    grams: Mapping[Gram, int]

    @classmethod
    def of(cls, *fields: str) -> Text:
        """Read fields as the index keeps them."""
        grams: Counter[Gram] = Counter()
        for field in fields:
            terms = [term for term in field.partition(f" {analysis.BREAK}")[0].split() if _tells(term)]
            grams.update(terms)
            grams.update(pairwise(terms))
        return cls(grams)

    @property
    def terms(self) -> Iterable[str]:
        return (gram for gram in self.grams if isinstance(gram, str))


def similar(paper_id: int, *, limit: int = 5, now: datetime) -> tuple[int, ...]:
    """Return the papers most like a stored one that may be shown in public at ``now``. Six queries, and two with a
    model.
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
    known = vocabulary.papers_having(text.terms)
    near = _candidates(text, known, papers)
    near.pop(paper_id, None)
    by_words = nlargest(2 * CANDIDATES, near, key=near.__getitem__)
    by_meaning = [pk for pk in meant.first(2 * CANDIDATES, least=ALIKE) if pk != paper_id] if meant else []
    rows = among(Filters(), now, everything=False).filter(pk__in={*by_words, *by_meaning})
    there = {pk: fields for pk, *fields in rows.values_list("pk", "title", "abstract")}
    kept = dict.fromkeys([pk for pk in by_meaning if pk in there][:BY_MEANING])
    kept |= dict.fromkeys([pk for pk in by_words if pk in there and pk not in kept][: CANDIDATES - len(kept)])
    texts = {pk: Text.of(*there[pk]) for pk in kept}
    new = {term for one in texts.values() for term in one.terms} - known.keys()
    scores = likeness(text, texts.values(), known | vocabulary.papers_having(new), papers)
    if meant:
        cosines = meant.of(texts)
        scores = [score + MEANING * max(cosines.get(pk, 0), 0) for score, pk in zip(scores, texts, strict=True)]
    ordered = sorted(zip(scores, texts, strict=True), reverse=True)
    return tuple(pk for score, pk in ordered if score > 0)[:limit]


def likeness(text: Text, others: Collection[Text], having: Mapping[str, int], papers: int) -> list[float]:
    """Return the cosine of a text with each of the others."""
    rarity = _rarity(chain(text.terms, *(other.terms for other in others)), having, papers)
    mine, length = _vector(text, rarity)
    found = []
    for other in others:
        its, its_length = _vector(other, rarity)
        dot = sum(weight * its[gram] for gram, weight in mine.items() if gram in its)
        found.append(dot / (length * its_length) if length and its_length else 0.0)
    return found


def _rarity(terms: Iterable[str], having: Mapping[str, int], papers: int) -> dict[str, float]:
    return {term: 1 + log((1 + papers) / (1 + min(having.get(term, 1), papers))) for term in set(terms)}


def _vector(text: Text, rarity: Mapping[str, float]) -> tuple[dict[Gram, float], float]:
    weights = {
        gram: (1 + log(count)) * (rarity[gram] if isinstance(gram, str) else (rarity[gram[0]] + rarity[gram[1]]) / 2)
        for gram, count in text.grams.items()
    }
    return weights, sqrt(sum(weight * weight for weight in weights.values()))


def _candidates(text: Text, known: Mapping[str, int], papers: int) -> dict[int, float]:
    """Return the papers that have some of a text's strongest terms, with the sum of these terms' weights."""
    weights, _ = _vector(text, _rarity(text.terms, known, papers))
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


def _tells(term: str) -> bool:
    return len(term) > 1 and term not in _COMMON and not term.isdecimal()
