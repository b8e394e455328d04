"""The archive: texts of the last weeks as matrices of word counts, BM25 weights and TF-IDF rows, on scipy.sparse.

It gives the rarity of a word, the average paper, and (through the papers that a typed word finds) the words related to
that word. Formulas: BM25 after Robertson and Zaragoza (2009); TF-IDF as in scikit-learn's TfidfVectorizer.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from digest.ranking.sparse import csr_array, hstack, vstack
from digest.ranking.tokens import Tokens, hash_of
from digest.ranking.words import WordNumbers

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

# BM25: the saturation of repeated words, and the penalty on long texts
K1, B = 1.5, 0.75
# A TF-IDF column is in at least 2 texts and at most a fifth of them.
MIN_PAPERS, MAX_SHARE = 2, 0.2
READ_AT_ONCE = 500  # texts, of which a million words and pairs are in memory


@dataclass(frozen=True, slots=True)
class Texts:
    """N texts as BM25 weights of words, ``bm25`` (N, V), and ``tfidf`` (N, W), rows of unit length or zero."""

    bm25: csr_array
    tfidf: csr_array

    def __len__(self) -> int:
        return int(self.bm25.shape[0])

    def __getitem__(self, rows: Sequence[int] | Ints) -> Texts:
        return Texts(self.bm25[rows], self.tfidf[rows])

    @staticmethod
    def together(parts: Sequence[Texts]) -> Texts:
        """Return all texts of at least one part."""
        if len(parts) == 1:
            return parts[0]
        bm25, tfidf = (vstack([getattr(part, name) for part in parts], format="csr") for name in ("bm25", "tfidf"))
        return Texts(bm25, tfidf)


@dataclass(frozen=True, slots=True)
class Archive:
    """Texts of the last weeks and their word statistics. :meth:`of` makes it, in about 1.5 CPU s per 10,000 abstracts.

    ``grams`` (W,) holds the TF-IDF columns as sorted codes: a word is its number, a pair of neighbours a and b is
    (a + 1) V + b. ``idf`` (W,) and ``mean`` (W,), the average row, are per gram; ``rarity`` (V,) is BM25's idf.
    ``postings`` (V, N) is ``texts.bm25`` transposed; ``hashes`` (N,) are those of the texts, and ``tokens`` all
    their words, if they are kept.
    """

    vocabulary: Mapping[str, int]
    rarity: Floats
    average_length: float
    grams: Ints
    idf: Floats
    mean: Floats
    texts: Texts
    postings: csr_array
    hashes: NDArray[np.uint64]
    tokens: Tokens = field(default_factory=Tokens)

    @staticmethod
    def of(texts: Iterable[str]) -> Archive:
        """Make the archive of these texts, in their order. Without any word all matrices are zero.

        Takes no more memory for 10,000 abstracts than the result does, some 60 MB.
        """
        numbers: defaultdict[str, int] = defaultdict()
        numbers.default_factory = numbers.__len__
        hashes = array("Q")
        words, rows, size = _numbered(_hashed(texts, hashes), numbers.__getitem__)
        counts = tally(rows, words, (size, len(numbers)))
        having = np.bincount(counts.indices, minlength=len(numbers))
        rarity = np.log1p((size - having + 0.5) / (having + 0.5)).astype(np.float32)
        average_length = float(counts.sum()) / max(size, 1) or 1.0
        bm25 = _bm25(counts, rarity, average_length)

        kept = np.flatnonzero(_is_gram(having, size))
        pairs, pairs_having, pair_counts = _count_pairs(*_pairs(words, rows, len(numbers)), size)
        idf = (np.log((1 + size) / (1 + np.concatenate([having[kept], pairs_having]))) + 1).astype(np.float32)
        tfidf = _tfidf(hstack([counts[:, kept], pair_counts], format="csr"), idf)
        return Archive(
            vocabulary=dict(numbers),
            rarity=rarity,
            average_length=average_length,
            grams=np.concatenate([kept, pairs]),
            idf=idf,
            mean=np.asarray(tfidf.sum(axis=0) / max(size, 1), np.float32),
            texts=Texts(bm25, tfidf),
            postings=bm25.T.tocsr(),
            hashes=np.array(hashes, np.uint64),
        )

    def read(self, texts: Iterable[str]) -> Texts:
        """Return texts in the same columns, as :class:`Vectorizer` does."""
        vectorizer = Vectorizer(self)
        for text in texts:
            vectorizer.add(text)
        return vectorizer.texts()

    def read_words(self, texts: Iterable[str]) -> Texts:
        """Return texts in the same columns by their words; a word that is not in the archive is dropped."""
        words, rows, size = _numbered(texts, lambda word: self.vocabulary.get(word, -1))
        pairs, pair_rows = _pairs(words, rows, len(self.vocabulary))
        known = words >= 0
        words, rows = words[known], rows[known]
        counts = tally(rows, words, (size, len(self.vocabulary)))
        codes, rows = np.concatenate([words, pairs]), np.concatenate([rows, pair_rows])
        columns = np.searchsorted(self.grams, codes)
        known = np.append(self.grams, -1)[columns] == codes
        grams = tally(rows[known], columns[known], (size, len(self.grams)))
        return Texts(_bm25(counts, self.rarity, self.average_length), _tfidf(grams, self.idf))


class Vectorizer:
    """Turn texts into rows with an archive's columns.

    Of the archive's own texts the rows are taken, which is the same and needs no look at their words.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._row_of = dict(zip(archive.hashes.tolist(), range(len(archive.hashes)), strict=True))
        self._rows, self._waiting, self._others = array("q"), list[str](), list[Texts]()

    def add(self, text: str) -> int:
        """Add a text and return its row, as :meth:`row_of` does."""
        self._rows.append(row := self.row_of(text))
        if row < 0:
            self._waiting.append(text)
            if len(self._waiting) == READ_AT_ONCE:
                self._read_waiting()
        return row

    def row_of(self, text: str) -> int:
        """Return a text's row in the archive, -1 if it is none of its texts."""
        row: int = self._row_of.get(hash_of(text), -1)
        return row

    def _read_waiting(self) -> None:
        self._others.append(self._archive.read_words(self._waiting))
        self._waiting.clear()

    def texts(self) -> Texts:
        """Return all texts in their order."""
        if self._waiting or not self._rows:
            self._read_waiting()
        places = np.array(self._rows, np.int64)
        is_own = places >= 0
        own = self._archive.texts[places[is_own]]
        if is_own.all() and len(own):
            return own
        others = Texts.together(self._others)
        if not len(own):
            return others
        places[is_own] = np.arange(len(own))
        places[~is_own] = len(own) + np.arange(len(others))
        return Texts.together([own, others])[places]


def _bm25(counts: csr_array, rarity: Floats, average_length: float) -> csr_array:
    """Return BM25 weights: a text's score for a query is the sum of its weights at the query's words."""
    lengths = np.asarray(counts.sum(axis=1), np.float32)
    held_back = np.repeat(K1 * (1 - B + B * lengths / np.float32(average_length)), np.diff(counts.indptr))
    weights = rarity[counts.indices] * counts.data * np.float32(K1 + 1) / (counts.data + held_back)
    return csr_array((weights, counts.indices, counts.indptr), shape=counts.shape)


def _tfidf(counts: csr_array, idf: Floats) -> csr_array:
    weights = (1 + np.log(counts.data)) * idf[counts.indices]
    rows = csr_array((weights, counts.indices, counts.indptr), shape=counts.shape)
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)))
    rows.data /= np.repeat(lengths, np.diff(rows.indptr))
    return rows


def _hashed(texts: Iterable[str], hashes: array[int]) -> Iterator[str]:
    """Return the texts, and put the hash of each into ``hashes``."""
    for text in texts:
        hashes.append(hash_of(text))
        yield text


def _numbered(texts: Iterable[str], number: Callable[[str], int]) -> tuple[NDArray[np.int32], NDArray[np.int32], int]:
    """Return the words of all texts as numbers, each word's row, and the number of texts."""
    words, lengths, numbers = array("i"), array("i"), WordNumbers(number)
    for text in texts:
        line = numbers.of(text)
        words.extend(line)
        lengths.append(len(line))
    rows = np.repeat(np.arange(len(lengths), dtype=np.int32), np.array(lengths, np.int32))
    return np.array(words, np.int32), rows, len(lengths)


def _pairs(words: NDArray[np.int32], rows: NDArray[np.int32], size: int) -> tuple[Ints, NDArray[np.int32]]:
    """Return the code of each two neighbours in a text, and its row. -1 is an unknown word."""
    are_pairs = (words[:-1] >= 0) & (words[1:] >= 0) & (rows[:-1] == rows[1:])
    codes = (words[:-1][are_pairs].astype(np.int64) + 1) * size + words[1:][are_pairs]
    return codes, rows[:-1][are_pairs]


def _is_gram(having: NDArray[np.integer], size: int) -> NDArray[np.bool_]:
    return np.asarray((having >= MIN_PAPERS) & (having <= MAX_SHARE * size), np.bool_)


def _count_pairs(codes: Ints, rows: NDArray[np.int32], size: int) -> tuple[Ints, Ints, csr_array]:
    """Return the pairs that are TF-IDF columns, how many texts have each, and how often each text has them.

    Most pairs are in one text alone, so they are left out before any matrix is made.
    """
    order = np.argsort(codes, kind="stable")
    codes, rows = codes[order], rows[order]
    is_new = np.diff(codes, prepend=-1) != 0
    begins = np.flatnonzero(is_new)
    if not len(begins):
        return codes, np.zeros(0, np.int64), csr_array((size, 0), dtype=np.float32)
    is_other_text = is_new | (np.diff(rows, prepend=-1) != 0)
    having = np.add.reduceat(is_other_text, begins, dtype=np.int64)
    kept = _is_gram(having, size)
    lengths = np.diff(begins, append=len(codes))
    found = codes[begins[kept]]
    columns = np.repeat(np.arange(len(found), dtype=np.int32), lengths[kept])
    return found, having[kept], tally(rows[np.repeat(kept, lengths)], columns, (size, len(found)))


def tally(rows: NDArray[np.integer], columns: NDArray[np.integer], shape: tuple[int, int]) -> csr_array:
    """Return a matrix of this shape that says how often each pair of ``rows`` and ``columns`` (N,) occurs."""
    return csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
