"""Keep what a reader's likes say, independent of the archive, and compare many readers with a day at once.

A profile holds the reader's strongest words and pairs of neighbours as 32-bit codes with their mean weights (1 + ln
count, over the text's length), and the mean of title vectors. The rarity of words, which changes daily, is in the day's
matrix, so that one product ranks all readers. That matrix adds up Rocchio's formula (TF-IDF, the archive's mean
subtracted) and BM25 of the liked words (Manning, Raghavan, Schuetze, ch. 9 and 11), each in units of its usual spread.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat

import numpy as np
from numpy.typing import NDArray

from digest.ranking.sparse import csc_array, csr_array
from digest.ranking.words import telling_words

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Codes = NDArray[np.uint32]

VERSION = 2  # of what is stored
MOST_GRAMS = 1500  # of a profile; all of some 10 abstracts
WORDS_FIRST = 1.5  # a word is kept rather than a pair
DISLIKES = 0.25  # the weight of the mean of the disliked texts
ROCCHIO, LIKED_WORDS = 0.6, 0.4
# The length of a text's known weights with rarity, over the mean rarity: texts have words that the archive has not.
KNOWN = 0.8
AT_ONCE = 64  # profiles that are compared with a day at once
RARE = 2  # papers; grams of more are multiplied dense
_TABLE = 18  # first bits of a code, by which it is looked up
_REST = 32 - _TABLE


@dataclass(frozen=True, slots=True)
class Profile:
    """One reader's likes and dislikes: ``grams`` (G,) in rising order, their ``weights`` (G,), negative for dislikes.

    ``likes`` counts the liked texts; ``weight`` is the sum of the weights of all texts: 1, .75 with dislikes, -.25 with
    dislikes alone. ``vector`` (D,) is their weighted sum of title vectors, and ``vector_weight`` the weights' sum over
    the texts that have one. ``categories`` has the share of liked papers with each category. ``is_wish`` says that
    the reader named papers to get similar ones: a list does, a verdict on what they got anyway does not.
    """

    likes: int = 0
    grams: Codes = field(default_factory=lambda: np.empty(0, np.uint32))
    weights: Floats = field(default_factory=lambda: np.empty(0, np.float32))
    weight: float = 0.0
    vector: Floats = field(default_factory=lambda: np.empty(0, np.float32))
    vector_weight: float = 0.0
    categories: Mapping[str, float] = field(default_factory=dict)
    is_wish: bool = True

    @staticmethod
    def of(liked: Sequence[str], disliked: Sequence[str] = ()) -> Profile:
        """Return the profile of these texts, without title vectors and categories."""
        parts = [_weighted(text, 1 / len(liked)) for text in liked]
        parts += [_weighted(text, -DISLIKES / len(disliked)) for text in disliked]
        parts = [part for part in parts if len(part[0])]
        if not parts:
            return Profile(likes=len(liked))
        every, where = np.unique(np.concatenate([codes for codes, _, _ in parts]), return_inverse=True)
        weights = np.bincount(where, np.concatenate([weights for _, weights, _ in parts]))
        is_word = np.zeros(len(every), np.bool_)
        is_word[where[np.concatenate([are_words for _, _, are_words in parts])]] = True
        if len(every) > MOST_GRAMS:
            strength = np.abs(weights) * np.where(is_word, WORDS_FIRST, 1)
            kept = np.sort(np.argsort(-strength, kind="stable")[:MOST_GRAMS])
            every, weights = every[kept], weights[kept]
        weight = (1.0 if liked else 0.0) - (DISLIKES if disliked else 0.0)
        return Profile(likes=len(liked), grams=every, weights=weights.astype(np.float32), weight=weight)


@dataclass(frozen=True, slots=True)
class Profiles:
    """The profiles of S readers: ``likes`` (S,), ``weight`` (S,), and their grams one after the other.

    Those of reader s are ``grams[starts[s]:starts[s + 1]]``. ``vectors`` (S, D) and ``vector_weight`` (S,) are as in
    Profile, D = 0 without a model; ``categories`` has a mapping for each reader. ``are_wishes`` (S,) marks the
    readers whose likes ask for similar papers.
    """

    likes: Ints
    weight: Floats
    starts: Ints
    grams: Codes
    weights: Floats
    vectors: Floats
    vector_weight: Floats
    categories: Sequence[Mapping[str, float]]
    are_wishes: NDArray[np.bool_]

    @staticmethod
    def of(profiles: Sequence[Profile]) -> Profiles:
        """Stack profiles. A title vector of another length than the first counts as none."""
        size = max((len(one.vector) for one in profiles), default=0)
        vectors = np.zeros((len(profiles), size), np.float32)
        for row, one in enumerate(profiles):
            if len(one.vector) == size:
                vectors[row] = one.vector
        return Profiles(
            likes=np.array([one.likes for one in profiles], np.int64),
            weight=np.array([one.weight for one in profiles], np.float32),
            starts=np.concatenate([[0], np.cumsum([len(one.grams) for one in profiles], dtype=np.int64)]),
            grams=np.concatenate([one.grams for one in profiles] or [np.empty(0, np.uint32)]),
            weights=np.concatenate([one.weights for one in profiles] or [np.empty(0, np.float32)]),
            vectors=vectors,
            vector_weight=np.array([one.vector_weight * (len(one.vector) == size) for one in profiles], np.float32),
            categories=[one.categories for one in profiles],
            are_wishes=np.array([one.is_wish and one.likes > 0 for one in profiles], np.bool_),
        )

    def __len__(self) -> int:
        return len(self.likes)

    @property
    def is_empty(self) -> NDArray[np.bool_]:
        """Return whose verdicts and lists say nothing (S,)."""
        has_categories = np.fromiter(map(bool, self.categories), np.bool_, len(self.categories))
        has_words = np.diff(self.starts) > 0
        return np.asarray((self.likes == 0) & (self.vector_weight == 0) & ~has_words & ~has_categories)

    def __getitem__(self, rows: slice | Ints) -> Profiles:
        """Return the profiles of some of the readers."""
        if isinstance(rows, slice):
            rows = np.arange(len(self))[rows]
        starts = np.concatenate([[0], np.cumsum(np.diff(self.starts)[rows])])
        grams, weights = self.grams, self.weights
        # else only those are left out that have none
        if starts[-1] < len(grams) or (np.diff(rows) < 1).any():
            of_grams = [slice(*self.starts[row : row + 2]) for row in rows]
            grams = np.concatenate([grams[its] for its in of_grams] or [grams[:0]])
            weights = np.concatenate([weights[its] for its in of_grams] or [weights[:0]])
        return Profiles(
            likes=self.likes[rows],
            weight=self.weight[rows],
            starts=starts,
            grams=grams,
            weights=weights,
            vectors=self.vectors[rows],
            vector_weight=self.vector_weight[rows],
            categories=[self.categories[row] for row in rows],
            are_wishes=self.are_wishes[rows],
        )


@dataclass(frozen=True, slots=True)
class DayGrams:
    """A day's P papers in the codes of profiles: ``codes`` (C,) in rising order, ``papers`` (C, P), ``offset`` (P,).

    A reader's score for a paper is the product of profile and column, less the profile's weight times the offset. It is
    made by :meth:`of`, in some 50 ms for 1,000 abstracts.
    """

    codes: Codes
    papers: csr_array
    offset: Floats

    @staticmethod
    def of(
        tfidf: csr_array,
        bm25: csr_array,
        *,
        vocabulary: Iterable[str],
        grams: Ints,
        idf: Floats,
        mean: Floats,
        rarity: Floats,
        usual: csr_array,
    ) -> DayGrams:
        """Make the matrix of a day's ``tfidf`` (P, W) and ``bm25`` (P, V).

        The others are those of the archive, ``usual`` (U, W) the TF-IDF rows of some of its texts: they stand for
        profiles, to see how far scores spread.
        """
        words, hashes = np.unique(bm25.indices), _word_codes(vocabulary)
        used = np.unique(tfidf.indices)
        codes_of_grams = _gram_codes(grams[used], hashes)
        codes = np.unique(np.concatenate([codes_of_grams, hashes[words]]))
        places = np.searchsorted(codes, codes_of_grams)
        length = np.float32(KNOWN * np.sqrt(float(mean @ idf**2) / max(float(mean.sum()), 1e-9)) or 1)
        rocchio = _in_rows(tfidf[:, used], idf[used] / length, places, codes)
        liked_words = _in_rows(bm25[:, words], rarity[words], np.searchsorted(codes, hashes[words]), codes)
        offset = np.asarray(tfidf @ mean, np.float32)
        # as profiles have them, without rarity
        profiles = _in_rows(usual[:, used], length / idf[used], places, codes).T
        of_rocchio = ROCCHIO * _over_spread((profiles @ rocchio).toarray() - offset)
        of_words = LIKED_WORDS * _over_spread((profiles @ liked_words).toarray())
        papers = rocchio * of_rocchio + liked_words * of_words
        return DayGrams(codes, papers.tocsr().astype(np.float32), offset * of_rocchio)


@dataclass(frozen=True, slots=True)
class DayCategories:
    """A day's P papers by category: ``columns`` numbers the K categories, ``papers`` (K, P) has unit columns.

    A category of n of the papers has the weight ln(1 + P / n) in a paper, and again in a profile.
    """

    columns: Mapping[str, int]
    papers: csr_array
    rarity: Floats

    @staticmethod
    def of(categories: Sequence[Sequence[str]]) -> DayCategories:
        """Make the matrix of papers with these categories."""
        columns = {name: number for number, name in enumerate(sorted({one for its in categories for one in its}))}
        cells = [(columns[one], paper) for paper, its in enumerate(categories) for one in set(its)]
        rows, papers = np.array(cells, np.int64).reshape(-1, 2).T
        having = np.bincount(rows, minlength=len(columns))
        rarity = np.log1p(len(categories) / np.maximum(having, 1)).astype(np.float32)
        weights = rarity[rows]
        lengths = np.sqrt(np.bincount(papers, weights**2, minlength=len(categories)))
        matrix = csr_array(
            ((weights / lengths[papers]).astype(np.float32), (rows, papers)), shape=(len(columns), len(categories))
        )
        return DayCategories(columns, matrix, rarity)

    def like(self, shares: Sequence[Mapping[str, float]]) -> Floats | None:
        """Return the likeness (S, P) to profiles' shares of categories, None if none has any."""
        lengths = np.fromiter(map(len, shares), np.int64, len(shares))
        names = chain.from_iterable(shares)
        columns = np.fromiter(map(self.columns.get, names, repeat(-1)), np.int64, lengths.sum())
        known = np.flatnonzero(columns >= 0)
        if not len(known):
            return None
        rows, columns = np.repeat(np.arange(len(shares)), lengths)[known], columns[known]
        values = np.fromiter(chain.from_iterable(its.values() for its in shares), np.float32, lengths.sum())
        readers = np.zeros((len(shares), len(self.columns)), np.float32)
        readers[rows, columns] = values[known] * self.rarity[columns]
        return np.asarray(readers @ self.papers, np.float32)


def liking(profiles: Profiles, day: DayGrams) -> Floats:
    """Return the likeness of a day's papers to S profiles, dense (S, P)."""
    scores = np.zeros((len(profiles), day.papers.shape[1]), np.float32)
    if not len(day.codes):
        return scores
    tables = _Tables.of(day)
    for start in range(0, len(profiles), AT_ONCE):
        starts = profiles.starts[start : start + AT_ONCE + 1]
        some = slice(starts[0], starts[-1])
        scores[start : start + AT_ONCE] = tables.products(profiles.grams[some], profiles.weights[some], np.diff(starts))
    scores -= profiles.weight[:, None] * day.offset
    return scores


@dataclass(frozen=True, slots=True)
class _Tables:
    """A day's C grams, to be multiplied with profiles; all but the results stays in the processor's cache.

    ``last`` has the number of the last of the ``codes`` with each first bits. ``common`` (P, O) are the grams that more
    than RARE papers have, and ``places`` (C,) their columns, -1 for the rest. Those have ``papers`` (C, RARE), and
    ``values`` (C, RARE) which are 0 where there are fewer.
    """

    codes: Codes
    last: NDArray[np.unsignedinteger]
    common: csc_array
    places: NDArray[np.int32]
    papers: NDArray[np.int32]
    values: Floats

    @staticmethod
    def of(day: DayGrams) -> _Tables:
        """Arrange a day's grams, in some 3 ms for 1,000 abstracts."""
        codes, matrix = day.codes, day.papers
        last: NDArray[np.unsignedinteger] = np.zeros(1 << _TABLE, np.uint16 if len(codes) <= 1 << 16 else np.uint32)
        last[codes >> _REST] = np.arange(len(codes), dtype=last.dtype)
        having = np.diff(matrix.indptr)
        often = np.flatnonzero(having > RARE)
        places = np.full(len(codes), -1, np.int32)
        places[often] = np.arange(len(often))
        cells = matrix.indptr[:-1, None] + np.arange(RARE)
        is_cell = (np.arange(RARE) < having[:, None]) & (places < 0)[:, None]
        papers, values = np.zeros(is_cell.shape, np.int32), np.zeros(is_cell.shape, np.float32)
        papers[is_cell], values[is_cell] = matrix.indices[cells[is_cell]], matrix.data[cells[is_cell]]
        return _Tables(codes, last, matrix[often].T, places, papers, values)

    def products(self, grams: Codes, weights: Floats, lengths: Ints) -> NDArray[np.floating]:
        """Return the products (B, P) of profiles with ``lengths`` (B,) of the grams, one after the other."""
        numbers, known = self._find(grams)
        weights, readers = weights.take(known), np.repeat(np.arange(len(lengths)), lengths).take(known)
        places = self.places.take(numbers)
        (size, columns), count = self.common.shape, len(lengths)
        often, rarely = np.flatnonzero(places >= 0), np.flatnonzero(places < 0)
        dense = np.zeros((columns, count), np.float32)
        dense.ravel()[places.take(often) * count + readers.take(often)] = weights.take(often)
        numbers = numbers.take(rarely)
        cells = self.papers.take(numbers, axis=0) + readers.take(rarely)[:, None] * size
        values = self.values.take(numbers, axis=0) * weights.take(rarely)[:, None]
        of_rare = np.bincount(cells.ravel(), values.ravel(), count * size).reshape(count, size)
        products: NDArray[np.floating] = of_rare + (self.common @ dense).T
        return products

    def _find(self, grams: Codes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the numbers of the grams that the day has, and their places among the grams.

        Of three codes with the same first bits one is lost, about one in three hundred.
        """
        numbers = self.last.take(grams >> _REST).astype(np.intp)
        numbers -= self.codes.take(numbers) > grams
        known = np.flatnonzero(self.codes.take(numbers) == grams)
        return numbers.take(known), known


def _weighted(text: str, share: float) -> tuple[Codes, NDArray[np.float64], NDArray[np.bool_]]:
    """Return a text's codes, their weights (of length ``share``), and which of them are words."""
    words = np.array([zlib.crc32(word.encode()) for word in telling_words(text)], np.uint32)
    words, pairs = words, _pair_codes(words[:-1], words[1:])
    codes, first, counts = np.unique(np.concatenate([words, pairs]), return_index=True, return_counts=True)
    weights = 1 + np.log(counts)
    return codes, weights * (share / max(float(np.sqrt((weights**2).sum())), 1e-9)), first < len(words)


def _word_codes(words: Iterable[str]) -> Codes:
    return np.fromiter((zlib.crc32(word.encode()) for word in words), np.uint32)


def _pair_codes(one: Codes, other: Codes) -> Codes:
    """Return a code for each pair of words; the mixing is MurmurHash3's finaliser."""
    mixed = one * np.uint32(2654435761) ^ other + np.uint32(0x9E3779B9)
    mixed ^= mixed >> np.uint32(15)
    mixed *= np.uint32(2246822519)
    mixed ^= mixed >> np.uint32(13)
    return mixed


def _gram_codes(grams: Ints, words: Codes) -> Codes:
    """Return the codes of an archive's grams: words by their number, pairs as Archive numbers them."""
    size = len(words)
    codes = np.empty(len(grams), np.uint32)
    is_pair = grams >= size
    codes[~is_pair] = words[grams[~is_pair]]
    first, second = np.divmod(grams[is_pair], max(size, 1))
    codes[is_pair] = _pair_codes(words[first - 1], words[second])
    return codes


def _in_rows(texts: csr_array, weights: Floats, places: Ints, codes: Codes) -> csr_array:
    """Return the texts' columns, each times its weight, as the rows ``places`` of a (C, P) matrix."""
    columns = np.repeat(np.arange(texts.shape[0]), np.diff(texts.indptr))
    values = texts.data * weights[texts.indices]
    return csr_array((values, (places[texts.indices], columns)), shape=(len(codes), texts.shape[0]), dtype=np.float32)


def _over_spread(scores: NDArray[np.floating]) -> np.float32:
    """Return one over the usual standard deviation of a row of scores; 0 if all are equal."""
    spread = float(np.mean(scores.std(axis=1))) if scores.size else 0.0
    return np.float32(1 / spread if spread > 1e-9 else 0)
