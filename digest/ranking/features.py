"""Texts to matrices: word counts, BM25 weights and TF-IDF rows, on scipy.sparse.

The **archive** is the last weeks' texts, the day's papers among them. It says how rare a word is, what the average
paper looks like, and (through the papers that a typed word finds in it) which other words go with that word.
Formulas: BM25 after Robertson and Zaragoza (2009); TF-IDF as scikit-learn's TfidfVectorizer has it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from digest.ranking.words import telling_words

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

K1, B = 1.5, 0.75  # BM25: how soon repetition stops counting, and how much long texts are held back
MIN_PAPERS, MAX_SHARE = 2, 0.2  # a TF-IDF column is in at least 2 texts and at most a fifth of them
ECHOES = 100  # archive papers that stand for what a typed word means
AT_ONCE = 32  # rows of weights that go through the papers together
FEW, MANY = 64, 2000  # beyond so many readers and up to so many papers (16 MB), all are compared with all once
WORD_WEIGHT = {"keyword": 1.0, "topic": 0.5}  # by kind of rule; a topic's words are ours, not the reader's


class QueryRule(Protocol):
    """What ranking needs to know of a rule (``digest.ranking.matching.Rule`` is one)."""

    @property
    def kind(self) -> str:
        """``topic``, ``keyword``, ``category`` or ``author``."""

    @property
    def phrases(self) -> tuple[str, ...]:
        """The words to look for, empty for categories and authors."""


@dataclass(frozen=True, slots=True)
class Texts:
    """N texts as ``bm25`` (N, V), their words' BM25 weights, and ``tfidf`` (N, W), rows of unit length or zero."""

    bm25: csr_array
    tfidf: csr_array

    def __len__(self) -> int:
        return int(self.bm25.shape[0])

    def __getitem__(self, rows: Sequence[int] | Ints) -> Texts:
        return Texts(self.bm25[rows], self.tfidf[rows])


@dataclass(frozen=True, slots=True)
class Archive:
    """The last weeks' texts, and what they know about words. Made by :meth:`of`, about 1.5 CPU s per 10,000 abstracts.

    ``grams`` (W,) holds the TF-IDF columns as sorted codes: a word is its number, a pair of neighbours a and b is
    (a + 1) V + b. ``idf`` (W,) and ``mean`` (W,), the average row, belong to them; ``rarity`` (V,) is BM25's idf.
    ``postings`` (V, N) is ``texts.bm25`` the other way round.
    """

    vocabulary: dict[str, int]
    rarity: Floats
    average_length: float
    grams: Ints
    idf: Floats
    mean: Floats
    texts: Texts
    postings: csr_array

    @staticmethod
    def of(texts: Iterable[str]) -> Archive:
        """The archive of these texts, in their order. No text, or none with a word, gives matrices of zeros."""
        numbers: defaultdict[str, int] = defaultdict()
        numbers.default_factory = numbers.__len__
        lines = [[numbers[word] for word in telling_words(text)] for text in texts]
        counts, codes, rows = _count(lines, len(numbers))
        having = np.bincount(counts.indices, minlength=len(numbers))
        rarity = np.log1p((len(lines) - having + 0.5) / (having + 0.5)).astype(np.float32)
        average_length = float(counts.sum()) / max(len(lines), 1) or 1.0
        bm25 = _bm25(counts, rarity, average_length)

        grams, columns = np.unique(codes, return_inverse=True)
        every = _tally(rows, columns, (len(lines), len(grams)))
        having = np.bincount(every.indices, minlength=len(grams))
        kept = np.flatnonzero((having >= MIN_PAPERS) & (having <= MAX_SHARE * len(lines)))
        idf = (np.log((1 + len(lines)) / (1 + having[kept])) + 1).astype(np.float32)
        tfidf = _tfidf(every[:, kept], idf)
        return Archive(
            vocabulary=dict(numbers),
            rarity=rarity,
            average_length=average_length,
            grams=grams[kept],
            idf=idf,
            mean=np.asarray(tfidf.sum(axis=0) / max(len(lines), 1), np.float32),
            texts=Texts(bm25, tfidf),
            postings=bm25.T.tocsr(),
        )

    def read(self, texts: Iterable[str]) -> Texts:
        """Other texts in the same columns; words the archive never had are dropped."""
        lines = [[self.vocabulary.get(word, -1) for word in telling_words(text)] for text in texts]
        counts, codes, rows = _count(lines, len(self.vocabulary))
        columns = np.searchsorted(self.grams, codes)
        known = np.append(self.grams, -1)[columns] == codes
        grams = _tally(rows[known], columns[known], (len(lines), len(self.grams)))
        return Texts(_bm25(counts, self.rarity, self.average_length), _tfidf(grams, self.idf))


class Likeness:
    """How alike P papers are: (P, P) products of TF-IDF rows, the archive's mean taken off the first.

    ``offset`` (P,) is that mean's product with each paper.
    """

    def __init__(self, tfidf: csr_array, offset: Floats) -> None:
        self.tfidf, self.offset = tfidf, offset
        self._whole: Floats | None = None

    def lay_out(self, *, readers: int) -> None:
        """Work out the whole matrix if so many readers are worth it, unless the papers are too many for it."""
        if self._whole is None and readers > FEW and self.tfidf.shape[0] <= MANY:
            self._whole = (self.tfidf @ self.tfidf.T).toarray() - self.offset

    def to(self, weights: csr_array) -> Floats:
        """``weights @ likeness``, dense (S, P), for weights (S, P)."""
        if self._whole is None:
            return through(weights, self.tfidf, self.tfidf, self.offset)
        return np.asarray(weights @ self._whole)


@dataclass(frozen=True, slots=True)
class Day:
    """A day's P papers before anybody has asked for anything. Made by :meth:`of`, kept while the papers stay the same.

    ``postings`` (V, P) is ``texts.bm25`` the other way round; the rest is as in :class:`PaperMatrix`.
    """

    texts: Texts
    archive: Archive
    postings: csr_array
    likeness: Likeness
    popularity: Floats
    pick: Floats

    @staticmethod
    def of(
        texts: Texts,
        *,
        archive: Archive,
        popularity: NDArray[np.floating] | None = None,
        pick: NDArray[np.floating] | None = None,
    ) -> Day:
        """The day of these papers. Raises ValueError when a number is not finite or not there for each paper."""
        return Day(
            texts=texts,
            archive=archive,
            postings=texts.bm25.T.tocsr(),
            likeness=Likeness(texts.tfidf, texts.tfidf @ archive.mean),
            popularity=_by_paper(popularity, len(texts), "popularity"),
            pick=_by_paper(pick, len(texts), "pick"),
        )

    def against(self, rules: Sequence[QueryRule], matches: csr_array) -> PaperMatrix:
        """The day against its rules. ``matches`` is (P, R) as ``matching.match`` gives it.

        Costs a millisecond or two for each of a few rules with words, .2 ms for each of many. Raises ValueError when
        shapes do not fit.
        """
        size, offset = len(self.texts), self.likeness.offset
        if matches.shape != (size, len(rules)):
            raise ValueError(f"matches is {matches.shape}, not {size} papers by {len(rules)} rules")
        asked = _asked(rules, self.archive)
        weight = np.array([WORD_WEIGHT.get(rule.kind, 0) for rule in rules], np.float32)
        words = (asked @ self.postings).tocsr()
        words.data *= np.repeat(weight, np.diff(words.indptr))
        echoes = _strongest(asked @ self.archive.postings)
        echo = through(echoes, self.archive.texts.tfidf, self.texts.tfidf, offset)
        return PaperMatrix(
            kinds=np.array([rule.kind for rule in rules], np.str_),
            matches=csr_array(matches.T, dtype=np.float32),
            words=words,
            echo=echo * weight[:, None],
            likeness=self.likeness,
            offset=offset,
            popularity=self.popularity,
            pick=self.pick,
            texts=self.texts,
        )


@dataclass(frozen=True, slots=True)
class PaperMatrix:
    """A day's P papers as ``rank`` needs them, against the R rules that readers may want. Made by :meth:`of`.

    ``kinds`` (R,) is each rule's kind; ``matches`` (R, P) is 1 where a paper answers a rule; ``words`` (R, P) is the
    BM25 score of the rule's words and ``echo`` (R, P) the likeness to the archive papers those words find.
    ``likeness`` compares papers with papers; ``offset`` (P,) is the archive mean's product with each paper.
    ``popularity`` (P,) is a z-score, 0 where nobody votes; ``pick`` (P,) is 0 or one of personal.PICK and
    personal.BOOST.
    """

    kinds: NDArray[np.str_]
    matches: csr_array
    words: csr_array
    echo: Floats
    likeness: Likeness
    offset: Floats
    popularity: Floats
    pick: Floats
    texts: Texts

    def __len__(self) -> int:
        return len(self.texts)

    @staticmethod
    def of(
        papers: Texts,
        *,
        archive: Archive,
        rules: Sequence[QueryRule],
        matches: csr_array,
        popularity: NDArray[np.floating] | None = None,
        pick: NDArray[np.floating] | None = None,
    ) -> PaperMatrix:
        """These papers as a day of their own, against these rules: :class:`Day` says what fits and what is raised."""
        return Day.of(papers, archive=archive, popularity=popularity, pick=pick).against(rules, matches)

    @staticmethod
    def together(parts: Sequence[PaperMatrix]) -> PaperMatrix:
        """The rules of all parts, one after the other; the parts are of one day, and there is at least one."""
        if len(parts) == 1:
            return parts[0]
        return replace(
            parts[0],
            kinds=np.concatenate([part.kinds for part in parts]),
            matches=vstack([part.matches for part in parts], format="csr"),
            words=vstack([part.words for part in parts], format="csr"),
            echo=np.concatenate([part.echo for part in parts]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderBatch:
    """S readers: what they want (S, R), 1 per wanted rule in the order of the rules, and their ``hype`` (S,), 0 to 100.

    ``verdicts`` (S, L) is 1 for "more like this" and -1 for "less" over the L papers of ``liked``. With
    ``floor=False`` every allowed paper is ranked: for measuring, never for a digest.
    """

    wants: csr_array
    hype: NDArray[np.floating]
    verdicts: csr_array | None = None
    liked: Texts | None = None
    floor: bool = True

    def __len__(self) -> int:
        return int(self.wants.shape[0])


def through(weights: csr_array, left: csr_array, right: csr_array, offset: Floats | float = 0) -> Floats:
    """``weights @ (left @ right.T - offset)``, dense (A, P), for weights (A, N), left (N, W) and right (P, W).

    Some rows of weights at a time become rows of W: nothing of (N, P) is ever made.
    """
    result = np.zeros((weights.shape[0], right.shape[0]), np.float32)
    used = np.flatnonzero(np.diff(weights.indptr))
    for start in range(0, len(used), AT_ONCE):
        rows = weights[used[start : start + AT_ONCE]]
        profiles = (rows @ left).T.toarray(order="C")
        sums = np.asarray(rows.sum(axis=1), np.float32)
        result[used[start : start + AT_ONCE]] = (right @ profiles).T - sums[:, None] * offset
    return result


def _by_paper(values: NDArray[np.floating] | None, size: int, name: str) -> Floats:
    values = np.zeros(size) if values is None else np.asarray(values)
    if values.shape != (size,) or not np.isfinite(values).all():
        raise ValueError(f"{name} must hold one finite number for each of the {size} papers")
    return values.astype(np.float32)


def _asked(rules: Sequence[QueryRule], archive: Archive) -> csr_array:
    """The known words of each rule (R, V), each once however many of its phrases have it."""
    known = archive.vocabulary
    found = [
        sorted({known[word] for phrase in rule.phrases for word in telling_words(phrase) if word in known})
        for rule in rules
    ]
    rows = np.repeat(np.arange(len(rules)), [len(columns) for columns in found])
    return _tally(rows, np.fromiter(chain.from_iterable(found), np.int64), (len(rules), len(known)))


def _strongest(scores: csr_array) -> csr_array:
    """Each row's highest entries, the papers that echo a rule, made to add up to 1; a row without any stays empty."""
    columns, values, starts = [], [], [0]
    for start, end in pairwise(scores.indptr):
        found = scores.data[start:end]
        best = np.argsort(-found, kind="stable")[:ECHOES]
        columns.append(scores.indices[start:end][best])
        values.append(found[best] / max(found[best].sum(), 1e-9))
        starts.append(starts[-1] + len(best))
    if not columns:
        return csr_array(scores.shape, dtype=np.float32)
    return csr_array((np.concatenate(values), np.concatenate(columns), starts), shape=scores.shape)


def _bm25(counts: csr_array, rarity: Floats, average_length: float) -> csr_array:
    """A text's score for a query is the sum of its weights at the query's words."""
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


def _count(lines: list[list[int]], size: int) -> tuple[csr_array, Ints, Ints]:
    """Word counts (N, size), and every word and pair as a code with its text's row. -1 is an unknown word."""
    words = np.fromiter(chain.from_iterable(lines), np.int64)
    rows = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    known = words >= 0
    pairs = known[:-1] & known[1:] & (rows[:-1] == rows[1:])
    codes = np.concatenate([words[known], ((words[:-1] + 1) * size + words[1:])[pairs]])
    return _tally(rows[known], words[known], (len(lines), size)), codes, np.concatenate([rows[known], rows[:-1][pairs]])


def _tally(rows: Ints, columns: Ints, shape: tuple[int, int]) -> csr_array:
    return csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
