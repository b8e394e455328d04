"""A day's papers and its readers as matrices: what ranking compares, on scipy.sparse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from digest.ranking.archive import Archive, Floats, Ints, Texts, tally
from digest.ranking.meaning import DayVectors
from digest.ranking.profiles import DayCategories, DayGrams, Profiles
from digest.ranking.sparse import csr_array, vstack
from digest.ranking.words import telling_words

# Archive papers that represent the meaning of a typed word
ECHOES = 100
AT_ONCE = 32  # rows of weights per product
# With more than FEW readers and at most MANY papers (16 MB), all papers are compared with all once.
FEW, MANY = 64, 2000
# Texts of the archive that stand for a reader's profile
USUAL = 32
# By kind of rule; the service chose a topic's words, not the reader.
WORD_WEIGHT = {"keyword": 1.0, "topic": 0.5}


class QueryRule(Protocol):
    """The part of a rule that ranking needs (``digest.ranking.matching.Rule`` is one)."""

    @property
    def kind(self) -> str:
        """Return ``topic``, ``keyword``, ``category`` or ``author``."""

    @property
    def phrases(self) -> tuple[str, ...]:
        """Return the words to search for, empty for categories and authors."""


class Likeness:
    """Similarity of P papers: (P, P) products of TF-IDF rows, the archive's mean subtracted from the first.

    ``offset`` (P,) is the product of that mean with each paper.
    """

    def __init__(self, tfidf: csr_array, offset: Floats) -> None:
        self.tfidf, self.offset = tfidf, offset
        self._whole: Floats | None = None

    def lay_out(self, *, readers: int) -> None:
        """Compute the whole matrix if there are enough readers and not too many papers."""
        size = self.tfidf.shape[0]
        if self._whole is not None or readers <= FEW or size > MANY:
            return
        whole, others = np.empty((size, size), np.float32), self.tfidf.T.tocsr()
        # some rows at a time: sparse, the whole product takes three times the memory
        for start in range(0, size, AT_ONCE):
            whole[start : start + AT_ONCE] = (self.tfidf[start : start + AT_ONCE] @ others).toarray()
        whole -= self.offset
        self._whole = whole

    def to(self, weights: csr_array) -> Floats:
        """Return ``weights @ likeness``, dense (S, P), for weights (S, P)."""
        if self._whole is None:
            return through(weights, self.tfidf, self.tfidf, self.offset)
        return np.asarray(weights @ self._whole)


class Taste:
    """The day's papers as profiles are compared with them, computed when first asked for.

    ``vectors`` are None without a model; ``categories`` are those of each paper, nothing if they are not known.
    """

    def __init__(
        self,
        texts: Texts,
        archive: Archive,
        *,
        vectors: DayVectors | None = None,
        categories: Sequence[Sequence[str]] = (),
    ) -> None:
        self.texts, self.archive, self.vectors, self._categories = texts, archive, vectors, categories

    @cached_property
    def categories(self) -> DayCategories:
        return DayCategories.of(self._categories or [()] * len(self.texts))

    def lay_out(self, known: Profiles | None) -> None:
        """Compute the grams if some profile says anything: on the way it takes more memory than anything else here."""
        if known and not known.is_empty.all():
            _ = self.grams

    @cached_property
    def grams(self) -> DayGrams:
        known = self.archive
        some = np.linspace(0, len(known.texts) - 1, USUAL).astype(int) if len(known.texts) else np.empty(0, int)
        return DayGrams.of(
            self.texts.tfidf,
            self.texts.bm25,
            vocabulary=known.vocabulary,
            grams=known.grams,
            idf=known.idf,
            mean=known.mean,
            rarity=known.rarity,
            usual=known.texts.tfidf[some],
        )


@dataclass(frozen=True, slots=True)
class Day:
    """A day's P papers, independent of rules. :meth:`of` makes it; it is kept while the papers stay the same.

    ``postings`` (V, P) is ``texts.bm25`` transposed; the rest is as in :class:`PaperMatrix`.
    """

    texts: Texts
    archive: Archive
    postings: csr_array
    likeness: Likeness
    taste: Taste
    popularity: Floats
    pick: Floats

    @staticmethod
    def of(
        texts: Texts,
        *,
        archive: Archive,
        popularity: NDArray[np.floating] | None = None,
        pick: NDArray[np.floating] | None = None,
        vectors: DayVectors | None = None,
        categories: Sequence[Sequence[str]] = (),
    ) -> Day:
        """Make the day of these papers. Raises ValueError unless each paper has finite numbers."""
        return Day(
            texts=texts,
            archive=archive,
            postings=texts.bm25.T.tocsr(),
            likeness=Likeness(texts.tfidf, texts.tfidf @ archive.mean),
            taste=Taste(texts, archive, vectors=vectors, categories=categories),
            popularity=_by_paper(popularity, len(texts), "popularity"),
            pick=_by_paper(pick, len(texts), "pick"),
        )

    def against(self, rules: Sequence[QueryRule], matches: csr_array) -> PaperMatrix:
        """Combine the day with R rules. ``matches`` is (P, R) as returned by ``matching.match``.

        Takes 1 to 2 ms per rule with words if they are few, 0.2 ms if they are many. Raises ValueError if shapes do not
        fit.
        """
        size, offset = len(self.texts), self.likeness.offset
        if matches.shape != (size, len(rules)):
            raise ValueError(f"matches is {matches.shape}, not {size} papers by {len(rules)} rules")
        asked = _asked(rules, self.archive)
        weight = np.array([WORD_WEIGHT.get(rule.kind, 0) for rule in rules], np.float32)
        words = (asked @ self.postings).tocsr()
        words.data *= np.repeat(weight, np.diff(words.indptr))
        echoes = _echoes(asked, self.archive.postings)
        echo = through(echoes, self.archive.texts.tfidf, self.texts.tfidf, offset)
        echo *= weight[:, None]
        return PaperMatrix(
            kinds=np.array([rule.kind for rule in rules], np.str_),
            matches=csr_array(matches.T, dtype=np.float32),
            words=words,
            echoes=echo,
            echo_of=np.arange(len(rules)),
            likeness=self.likeness,
            taste=self.taste,
            offset=offset,
            popularity=self.popularity,
            pick=self.pick,
            texts=self.texts,
        )


@dataclass(frozen=True, slots=True)
class PaperMatrix:
    """A day's P papers and R rules, the input of ``rank``. :meth:`of` makes it.

    ``kinds`` (R,) is each rule's kind; ``matches`` (R, P) is 1 where a rule matches a paper; ``words`` (R, P) is the
    BM25 score of the rule's words and ``echo`` (R, P) the similarity to the archive papers that those words find: the
    rows ``echo_of`` (R,) of ``echoes``, which is dense, and so shared with matrices of other rules.
    ``likeness`` compares papers with papers, ``taste`` papers with profiles; ``offset`` (P,) is the product of the
    archive's mean with each paper.
    ``popularity`` (P,) is a z-score, 0 without votes; ``pick`` (P,) is 0, personal.PICK or personal.BOOST.
    """

    kinds: NDArray[np.str_]
    matches: csr_array
    words: csr_array
    echoes: Floats
    echo_of: Ints
    likeness: Likeness
    taste: Taste
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
        vectors: DayVectors | None = None,
        categories: Sequence[Sequence[str]] = (),
    ) -> PaperMatrix:
        """Make a day of these papers and combine it with these rules; shapes and errors are those of :class:`Day`."""
        day = Day.of(papers, archive=archive, popularity=popularity, pick=pick, vectors=vectors, categories=categories)
        return day.against(rules, matches)

    def for_rules(self, rows: Ints) -> PaperMatrix:
        """Return the matrix with these of its rules, in this order."""
        return replace(
            self, kinds=self.kinds[rows], matches=self.matches[rows], words=self.words[rows], echo_of=self.echo_of[rows]
        )

    @property
    def echo(self) -> Floats:
        return self.echoes[self.echo_of]

    def echo_for(self, wants: csr_array) -> Floats:
        """Return ``wants @ echo`` (S, P) for weights of the rules (S, R)."""
        shape = (wants.shape[0], len(self.echoes))
        weights = np.asarray(wants.data, np.float32)
        return np.asarray(csr_array((weights, self.echo_of[wants.indices], wants.indptr), shape=shape) @ self.echoes)

    @staticmethod
    def together(parts: Sequence[PaperMatrix]) -> PaperMatrix:
        """Concatenate the rules of all parts; needs at least one part, all of one day."""
        if len(parts) == 1:
            return parts[0]
        return replace(
            parts[0],
            kinds=np.concatenate([part.kinds for part in parts]),
            matches=vstack([part.matches for part in parts], format="csr"),
            words=vstack([part.words for part in parts], format="csr"),
            echoes=np.concatenate([part.echo for part in parts]),
            echo_of=np.arange(sum(len(part.kinds) for part in parts)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderBatch:
    """S readers: ``wants`` (S, R), 1 per wanted rule in the order of the rules, and ``hype`` (S,), 0 to 100.

    ``profiles`` are what their likes say, None if nobody has any; ``stated`` (S, D) has vectors of the words that each
    typed, zeros where there are none. ``floor=False`` ranks every allowed paper: for measuring, never for a digest.
    ``picks`` (S, P) is personal.PICK for the papers that were picked for some of the readers. ``weights`` (S, PARTS),
    0 to 1, are those of the parts that each turned down, None if nobody did.
    """

    wants: csr_array
    hype: NDArray[np.floating]
    profiles: Profiles | None = None
    stated: Floats | None = None
    floor: bool = True
    picks: csr_array | None = None
    weights: Floats | None = None

    def __len__(self) -> int:
        return int(self.wants.shape[0])

    def __getitem__(self, rows: Ints) -> ReaderBatch:
        """Return some of the readers."""
        return replace(
            self,
            wants=self.wants[rows],
            hype=self.hype[rows],
            profiles=None if self.profiles is None else self.profiles[rows],
            stated=None if self.stated is None else self.stated[rows],
            picks=None if self.picks is None else self.picks[rows],
            weights=None if self.weights is None else self.weights[rows],
        )

    @property
    def likes(self) -> Ints:
        """Count the papers that each reader wants more of (S,)."""
        return np.zeros(len(self), np.int64) if self.profiles is None else self.profiles.likes

    @property
    def has_likes(self) -> NDArray[np.bool_]:
        return self.likes > 0

    @property
    def want_nothing(self) -> NDArray[np.bool_]:
        """Return who wants no rule (S,)."""
        return np.asarray(np.diff(self.wants.indptr) == 0)

    @property
    def want_similar(self) -> NDArray[np.bool_]:
        """Return who wants no rule but papers similar to those that they named (S,); the others of them get any."""
        return self.want_nothing & (False if self.profiles is None else self.profiles.are_wishes)


def through(weights: csr_array, left: csr_array, right: csr_array, offset: Floats | float = 0) -> Floats:
    """Return ``weights @ (left @ right.T - offset)``, dense (A, P), for weights (A, N), left (N, W), right (P, W).

    Multiplies AT_ONCE rows of weights at a time, so that no (N, P) array is ever made.
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
    """Return the known words of each rule (R, V), each once."""
    known = archive.vocabulary
    found = [
        sorted({known[word] for phrase in rule.phrases for word in telling_words(phrase) if word in known})
        for rule in rules
    ]
    rows = np.repeat(np.arange(len(rules)), [len(columns) for columns in found])
    return tally(rows, np.fromiter(chain.from_iterable(found), np.int64), (len(rules), len(known)))


def _echoes(asked: csr_array, postings: csr_array) -> csr_array:
    """Return for each rule the papers (R, N) that its words find best; some rules at a time, since all find many."""
    parts = [
        _strongest(asked[start : start + AT_ONCE] @ postings) for start in range(0, max(asked.shape[0], 1), AT_ONCE)
    ]
    return vstack(parts, format="csr")


def _strongest(scores: csr_array) -> csr_array:
    """Return each row's ECHOES highest entries, scaled to add up to 1; an empty row stays empty."""
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
