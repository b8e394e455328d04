"""Rank the day's papers for each reader, with the contributions to each score.

Per reader, over the day's whole pool; z() subtracts the mean and divides by the standard deviation:

    said       = z(z(words) + z(echo) + z(about))    words of typed keywords and wanted topics, the papers they find,
                                                     and the titles' vectors' likeness to the typed words
    taste      = z(likeness to the profile of the liked texts) + .4 z(likeness to the mean of the liked titles' vectors)
    base       = said without likes; with likes taste + .3 said (fewer than 5) or .15 said
    relevance  = z(base) + .5 / (1 + likes / 5) z(likeness to the papers that stand out in base)
    score      = relevance + 1.5 x (wanted topics and categories the paper has) + .4 z(likeness to the liked categories)
                 + z(popularity) x hype / 50 + 1000 for a followed author + the curator's pick or boost

A part that a reader turned down is multiplied by its weight, and nothing else changes. With likes, 1 replaces 1.5 for a
topic and .5 for a category, and popularity counts half. Without a model for vectors their terms are 0. Papers more than
two deviations above the mean of base act as weak likes, the more so the fewer likes there are. BM25, Rocchio's formula
and pseudo-relevance feedback are textbook (Manning, Raghavan, Schuetze, ch. 9 and 11); the weights were chosen on
recorded readers (``./run bench ranking``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digest.ranking.archive import Floats, Ints
from digest.ranking.features import PaperMatrix, ReaderBatch
from digest.ranking.profiles import DISLIKES, liking
from digest.ranking.sparse import csr_array, hstack

# What a reader can turn down: a term of the score each
PARTS = ("topic", "words", "about", "category", "author", "like_this", "titles", "shared")
OF_RELEVANCE = np.isin(PARTS, ("words", "about", "like_this", "titles", "shared"))
TERMS = (*PARTS, "trending", "pick", "average")

# A z-score of P papers is below √P, so nothing else adds up to a thousand.
PICK, AUTHOR, BOOST = 2000.0, 1000.0, 2.0
MATCH, MATCH_WITH_LIKES, CATEGORY_WITH_LIKES = 1.5, 1.0, 0.5  # per wanted topic or category a paper has
MEANING, SHARED = 0.4, 0.4  # of the titles' vectors and of the categories, in the likeness to what is liked
POPULARITY, POPULARITY_WITH_LIKES = 1.0, 0.5  # at hype 50
KINDS = ("topic", "keyword", "category", "author")
# What a match of a rule of each kind adds to the score, without and with likes. An author counts once, so apart.
MATCHES = np.array([[MATCH, 0, MATCH, 0], [MATCH_WITH_LIKES, 0, CATEGORY_WITH_LIKES, 0]], np.float32)
FEEDBACK, STANDS_OUT = 0.5, 2.0
# Deviations above the day's average from which a paper counts as similar to the liked ones, or to the typed words. On
# recorded readers 1.5 marks 60 to 75 of 1,000 papers, 1 marks 90 to 130: a quarter to three quarters more of them are
# right, and five sixths as many are found.
LIKE_THIS, LIKE_AT_LEAST, CLOSE = 1.5, 1.0, 1.0
# Readers times papers of one block, so that its arrays stay in the processor's cache
CELLS = 256_000
LARGEST = np.float32(1e30)  # no score comes near it


@dataclass(frozen=True, slots=True)
class Ranking:
    """The first ``limit`` papers of each of S readers, best first.

    ``order`` (S, limit) holds paper rows, -1 after the last paper; ``scores`` (S, limit) and ``contributions``
    (S, limit, TERMS) are 0 there, and a paper's contributions add up to its score. ``eligible`` (S,) counts the papers
    above the floor, ``matched`` (S,) those that match a wanted rule. ``alike`` (S, limit) marks papers far above the
    day's average in similarity to the liked ones, ``close`` (S, limit) those with titles far above it in similarity to
    the typed words.
    """

    order: Ints
    scores: NDArray[np.float64]
    contributions: NDArray[np.float64]
    eligible: Ints
    matched: Ints
    alike: NDArray[np.bool_]
    close: NDArray[np.bool_]


def weights_of(turned_down: Sequence[Mapping[str, int]]) -> Floats | None:
    """Return the weights (S, PARTS) of readers who turned parts down to these percentages; None if nobody did."""
    if not any(turned_down):
        return None
    return np.array([[its.get(part, 100) / 100 for part in PARTS] for its in turned_down], np.float32)


def likes_are_off(turned_down: Mapping[str, int]) -> bool:
    """Return whether neither words nor titles of what a reader likes count: then nothing is ranked by likes."""
    return turned_down.get("like_this") == turned_down.get("titles") == 0


def rank(papers: PaperMatrix, readers: ReaderBatch, *, allowed: NDArray[np.bool_], limit: int) -> Ranking:
    """Return each reader's best papers among the ``allowed`` (S, P), at most ``limit``.

    A paper must match a wish of the reader or be a pick; for a reader who named papers and wants nothing else it must
    be similar to those; a reader without wishes gets what is popular. Ties go to the more popular paper, then to the
    earlier row. The other readers of the batch make no difference. Batches of about 1,000 readers are best; no (S, P)
    array but ``allowed`` and the likeness to profiles is ever whole. Raises ValueError if shapes or ranges do not fit.
    """
    count, size = len(readers), len(papers)
    _check(papers, readers, allowed, limit)
    ranking = Ranking(
        order=np.full((count, limit), -1),
        scores=np.zeros((count, limit)),
        contributions=np.zeros((count, limit, len(TERMS))),
        eligible=np.zeros(count, np.int64),
        matched=np.zeros(count, np.int64),
        alike=np.zeros((count, limit), np.bool_),
        close=np.zeros((count, limit), np.bool_),
    )
    if not (count and size and limit):
        return ranking
    papers.likeness.lay_out(readers=count)
    tie = np.empty(size, np.int64)
    tie[np.lexsort((np.arange(size), -papers.popularity))] = np.arange(size)
    at_once = max(1, CELLS // size)
    rules = _Rules.of(papers, np.unique(readers.wants.indices))
    for rows in _by_having_a_profile(readers):
        group = _Group.of(readers[rows], rules, papers)
        for start in range(0, len(rows), at_once):
            block = slice(start, min(start + at_once, len(rows)))
            some = allowed[rows[block]]
            _list_best(ranking, rows[block], group.score(block, some), some, tie)
    return ranking


def _by_having_a_profile(readers: ReaderBatch) -> list[Ints]:
    """Return the rows of the readers without a profile, whose scores take half the time, and of those with one."""
    every = np.arange(len(readers))
    if readers.profiles is None:
        return [every]
    groups = (every[readers.profiles.is_empty], every[~readers.profiles.is_empty])
    return [rows for rows in groups if len(rows)]


def _list_best(ranking: Ranking, readers: Ints, scores: _Scores, allowed: NDArray[np.bool_], tie: Ints) -> None:
    """Put the best papers of a block of ``readers`` into their rows of the ranking."""
    ranking.matched[readers] = np.count_nonzero(scores.matched & allowed, axis=1)
    eligible = scores.eligible()
    eligible &= allowed
    ranking.eligible[readers] = np.count_nonzero(eligible, axis=1)
    rows, columns, positions = _best(scores.values, eligible, tie, ranking.order.shape[1])
    here = (readers[rows], positions)
    ranking.order[here] = columns
    ranking.scores[here] = scores.values[rows, columns] - scores.average[rows]
    for index, term in enumerate(scores.terms(rows, columns)):
        ranking.contributions[*here, index] = term
    ranking.contributions[*here, -1] = ranking.scores[here] - ranking.contributions[here].sum(axis=1)
    ranking.alike[here] = scores.are_alike(rows, columns)
    ranking.close[here] = scores.are_close(rows, columns)


@dataclass(frozen=True, slots=True)
class _Rules:
    """The U rules that a batch wants, as dense blocks for fast products; ``used`` are their rows in the PaperMatrix.

    ``raising`` (U + 2, P) is what raises a score besides relevance: the matches of rules, popularity, and picks.
    """

    used: Ints
    kinds: Ints  # (U,), places in KINDS
    words: Floats  # (U, P)
    raising: Floats

    @staticmethod
    def of(papers: PaperMatrix, used: Ints) -> _Rules:
        raising = np.empty((len(used) + 2, len(papers)), np.float32)
        papers.matches[used].toarray(out=raising[:-2])
        raising[-2:] = papers.popularity, papers.pick
        return _Rules(
            used=used,
            kinds=np.array([KINDS.index(kind) for kind in papers.kinds[used].tolist()], np.int64),
            words=papers.words[used].toarray(),
            raising=raising,
        )

    @property
    def matches(self) -> Floats:
        """Return where a rule matches a paper (U, P)."""
        return self.raising[:-2]


@dataclass(frozen=True, slots=True)
class _Group:
    """S readers who all have a profile, or none, what they want of the rules, and what they like.

    A score is relevance, plus ``raises`` (S, U + 2) times what is raising, plus ``leading`` (S, P), which has followed
    authors and picks for some of the readers.
    """

    readers: ReaderBatch
    papers: PaperMatrix
    rules: _Rules
    wants: csr_array  # (S, U)
    raises: csr_array
    leading: csr_array
    liked: Floats | None  # (S, P), as are the following: likeness of texts, of titles' meaning, of categories
    meant: Floats | None
    shared: Floats | None
    about: Floats | None  # likeness of titles to typed words

    @staticmethod
    def of(readers: ReaderBatch, rules: _Rules, papers: PaperMatrix) -> _Group:
        wants = readers.wants[:, rules.used].astype(np.float32)
        raises = wants.copy()
        raises.data *= MATCHES[
            np.repeat(readers.has_likes.astype(int), np.diff(wants.indptr)), rules.kinds[wants.indices]
        ]
        for_all = np.column_stack([_weight_of_votes(readers), np.ones(len(readers), np.float32)])
        authors = np.flatnonzero(rules.kinds == KINDS.index("author"))
        leading = wants[:, authors] @ papers.matches[rules.used[authors]]
        leading.data[:] = AUTHOR
        known, vectors = readers.profiles, papers.taste.vectors
        if known is not None and known.is_empty.all():
            known = None
        return _Group(
            readers=readers,
            papers=papers,
            rules=rules,
            wants=wants,
            raises=hstack([raises, csr_array(for_all)], format="csr"),
            leading=leading if readers.picks is None else leading + readers.picks,
            liked=liking(known, papers.taste.grams) if known else None,
            meant=vectors.like(known.vectors, known.vector_weight)
            if vectors and known and vectors.fit(known.vectors)
            else None,
            shared=papers.taste.categories.like(known.categories) if known else None,
            about=vectors.about(readers.stated) if vectors and vectors.fit(readers.stated) else None,
        )

    def score(self, block: slice, allowed: NDArray[np.bool_]) -> _Scores:
        """Return the scores of all papers for a block of the readers, who are ``allowed`` these (S, P)."""
        likes, wants = self.readers.likes[block, None], self.wants[block]
        trending = (self.readers.want_nothing & ~self.readers.want_similar)[block]
        relevance = _unit(wants @ self.rules.words)
        relevance += _unit(self.papers.echo_for(self.readers.wants[block]))
        if self.about is not None:
            relevance += _unit(self.about[block])
        said = np.ones((len(likes), 1), np.float32)
        taste = self._taste(likes, block)
        if taste is not None:
            said = _inverse_deviation(relevance) * _weight_of_words(likes)
            relevance *= said
            relevance += taste
        spread = _inverse_deviation(relevance)
        feedback = self.papers.likeness.to(_standing_out(relevance, spread))
        feedback *= _inverse_deviation(feedback) * (FEEDBACK / (1 + likes / np.float32(5)))
        relevance *= spread
        relevance += feedback
        if self.shared is not None:
            relevance += SHARED * _unit(self.shared[block])
        values = self.raises[block] @ self.rules.raising
        rows, columns, lead = _cells(self.leading[block])
        values[rows, columns] += lead
        values += relevance
        scores = _Scores(
            group=self,
            block=block,
            values=values,
            average=relevance.mean(axis=1),
            matched=wants @ self.rules.matches > 0,
            relevance=relevance,
            said=said * spread,
            spread=spread,
            taste=taste,
            # what a reader of the trending list is not allowed is mostly what nobody voted for
            alike_from=None if taste is None else _alike_from(taste, allowed | trending[:, None]),
            feedback=feedback,
        )
        scores.turn_down()
        return scores

    def _taste(self, likes: Ints, block: slice) -> Floats | None:
        """Return each paper's similarity to what the readers like (S, P), None without profiles."""
        if self.liked is None:
            return None
        share = np.where(likes, np.float32(1), np.float32(DISLIKES))
        taste = _unit(self.liked[block])
        taste *= share
        if self.meant is not None:
            meant = _unit(self.meant[block])
            meant *= MEANING * share
            taste += meant
        return taste

    def hits(self, readers: Ints, papers: Ints) -> Floats:
        """Return how many wanted rules of each of KINDS (N, K) match in each of N cells."""
        counts = np.diff(self.wants.indptr)[readers]
        cells = np.repeat(np.arange(len(readers)), counts)
        within = np.arange(len(cells)) - np.repeat(np.cumsum(counts) - counts, counts)
        rules = self.wants.indices[self.wants.indptr[readers][cells] + within]
        found = self.rules.matches[rules, papers[cells]]
        hits = np.bincount(cells * len(KINDS) + self.rules.kinds[rules], found, minlength=len(readers) * len(KINDS))
        return hits.reshape(-1, len(KINDS)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Scores:
    """The scores ``values`` (S, P) of a block of a group's readers, from which ``average`` (S,) is to be subtracted.

    ``matched`` marks papers that match a wanted rule. Of ``relevance``, ``feedback`` is what the papers that stand out
    give; typed words are scaled by ``said`` (S, 1), and ``taste``, which is None without profiles, by ``spread``. From
    ``alike_from`` (S, 1) on, taste counts as similarity.
    """

    group: _Group
    block: slice
    values: Floats
    average: Floats
    matched: NDArray[np.bool_]
    relevance: Floats
    said: Floats
    spread: Floats
    taste: Floats | None
    alike_from: Floats | None
    feedback: Floats

    def eligible(self) -> NDArray[np.bool_]:
        """Return which papers the readers may get, if they are allowed."""
        readers, picked = self.group.readers, self.group.papers.pick >= PICK
        if not readers.floor:
            return np.ones_like(self.matched)
        eligible = self.matched | picked
        if readers.picks is not None:
            rows, columns, picks = _cells(readers.picks[self.block])
            eligible[rows, columns] |= picks >= PICK
        want_similar = readers.want_similar[self.block]
        by_likes = np.flatnonzero(want_similar)
        eligible[by_likes] |= self.are_alike(by_likes[:, None], np.arange(eligible.shape[1])[None])
        eligible[readers.want_nothing[self.block] & ~want_similar] = True
        return eligible

    def are_alike(self, rows: Ints, columns: Ints) -> NDArray[np.bool_]:
        """Return whether papers are far above the average in likeness to what the readers like, if they like any."""
        if self.taste is None or self.alike_from is None:
            return np.zeros(np.broadcast_shapes(rows.shape, columns.shape), np.bool_)
        likes = self.group.readers.has_likes[self.block]
        return np.asarray((self.taste[rows, columns] >= self.alike_from[rows, 0]) & likes[rows])

    def are_close(self, rows: Ints, columns: Ints) -> NDArray[np.bool_]:
        """Return whether titles are far above the average in likeness to the typed words."""
        if self.group.about is None:
            return np.zeros(len(rows), np.bool_)
        about = self.group.about[self.block]  # of deviation 1 by now
        return np.asarray(about[rows, columns] - about.mean(axis=1)[rows] >= CLOSE)

    def turn_down(self) -> None:
        """Take from the scores what the readers turned down."""
        if self.group.readers.weights is None:
            return
        less = self.group.readers.weights[self.block] - 1
        rows = np.flatnonzero(less.any(axis=1))
        size = self.values.shape[1]
        where = np.repeat(rows, size), np.tile(np.arange(size), len(rows))
        terms = np.reshape(self._full_terms(*where)[: len(PARTS)], (len(PARTS), len(rows), size))
        terms *= less[rows].T[:, :, None]
        self.values[rows] += terms.sum(axis=0)
        self.average[rows] += terms[OF_RELEVANCE].sum(axis=0).mean(axis=1)

    def terms(self, rows: Ints, columns: Ints) -> list[NDArray[np.floating]]:
        """Return all of TERMS but the last for N cells of the block."""
        terms = self._full_terms(rows, columns)
        if self.group.readers.weights is not None:
            weights = self.group.readers.weights[rows + self.block.start].T
            terms[: len(PARTS)] = [term * weight for term, weight in zip(terms, weights, strict=False)]
        return terms

    def _full_terms(self, rows: Ints, columns: Ints) -> list[NDArray[np.floating]]:
        """Return the terms before anything is turned down."""
        group, readers = self.group, rows + self.block.start
        topic, _, category, author = group.hits(readers, columns).T
        weights = MATCHES[group.readers.has_likes[readers].astype(int)]
        pick = group.papers.pick[columns]
        if group.readers.picks is not None:
            pick = pick + group.readers.picks[readers, columns]

        def at(values: Floats | None) -> Floats:
            return np.zeros(len(rows), np.float32) if values is None else values[readers, columns]

        about = at(group.about) * self.said[rows, 0]
        titles = at(group.meant) * self.spread[rows, 0]
        shared = SHARED * at(group.shared)
        like_this = np.zeros(len(rows), np.float32)
        if self.taste is not None:
            like_this = self.taste[rows, columns] * self.spread[rows, 0] - titles
            like_this += np.where(group.readers.has_likes[readers], self.feedback[rows, columns], 0)
        return [
            topic * weights[:, KINDS.index("topic")],
            self.relevance[rows, columns] - about - like_this - titles - shared,
            about,
            category * weights[:, KINDS.index("category")],
            (author > 0) * np.float32(AUTHOR),
            like_this,
            titles,
            shared,
            _weight_of_votes(group.readers)[readers] * group.papers.popularity[columns],
            pick,
        ]


def _alike_from(taste: Floats, allowed: NDArray[np.bool_]) -> Floats:
    """Return from which likeness on a paper counts as similar to what a reader likes (S, 1): LIKE_THIS deviations above
    the day's mean, and above that of a paper that shares nothing with it.

    Where no allowed paper is that far above, as on a day of few papers or one of which a third is similar, it is
    LIKE_AT_LEAST. Mean and deviation leave out papers that stand out and are not allowed, such as the liked paper
    itself, which would raise both so far that no other paper is similar.
    """
    mean = taste.mean(axis=1, keepdims=True)
    inverse = _inverse_deviation(taste)
    deviation = np.divide(1, inverse, out=np.full_like(inverse, np.inf), where=inverse > 0)
    known = ~allowed & ((taste - mean) * inverse > STANDS_OUT)
    for row in np.flatnonzero(known.any(axis=1)):
        others = taste[row, ~known[row]]
        mean[row], deviation[row] = others.mean(), others.std() or np.inf
    bound = mean + LIKE_THIS * deviation
    finds_none = ~((taste >= bound) & allowed).any(axis=1)
    bound[finds_none] = (mean + LIKE_AT_LEAST * deviation)[finds_none]
    return np.asarray(np.maximum(bound, np.finfo(np.float32).tiny), np.float32)


def _weight_of_votes(readers: ReaderBatch) -> Floats:
    """Return by how much a paper's popularity raises its score for each reader."""
    by_likes = readers.has_likes & (readers.want_similar | ~readers.want_nothing)
    full = np.where(by_likes, POPULARITY_WITH_LIKES, POPULARITY)
    return np.asarray(full * readers.hype / 50, np.float32)


def _weight_of_words(likes: Ints) -> Floats:
    """Return the weight of typed words: 1 without likes, less with more likes."""
    return np.select([likes == 0, likes < 5], [1, 0.3], 0.15).astype(np.float32)


def _standing_out(values: Floats, spread: Floats) -> csr_array:
    """Return by how many deviations more than STANDS_OUT values are above their row's mean (S, P), 0 for most."""
    bound = np.divide(STANDS_OUT, spread, out=np.full_like(spread, np.inf), where=spread > 0)
    bound += values.mean(axis=1, keepdims=True)
    rows, columns, starts = _places(values > bound)
    above = (values[rows, columns] - bound[rows, 0]) * spread[rows, 0]
    return csr_array((above, columns, starts), shape=values.shape)


def _places(mask: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the rows and columns of what is true, row by row, and where each row begins."""
    # of one dimension, numpy finds it in a fifth of the time
    found = np.flatnonzero(mask).astype(np.int32)
    starts = np.searchsorted(found, np.arange(len(mask) + 1) * mask.shape[1]).astype(np.int32)
    rows = np.repeat(np.arange(len(mask), dtype=np.int32), np.diff(starts))
    return rows, found - rows * np.int32(mask.shape[1]), starts


def _cells(matrix: csr_array) -> tuple[Ints, Ints, Floats]:
    """Return the rows, columns and values of a sparse matrix."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)), matrix.indices, matrix.data


def _inverse_deviation(values: Floats) -> Floats:
    """Return one over each row's standard deviation (S, 1), 0 for a constant row."""
    squares = np.einsum("ij,ij->i", values, values)[:, None] / values.shape[1]
    variance = squares - values.mean(axis=1, keepdims=True) ** 2
    # a smaller variance is float32's rounding
    spread = variance > 1e-5 * squares
    return np.where(spread, 1 / np.sqrt(np.where(spread, variance, 1)), 0).astype(np.float32)


def _unit(values: Floats) -> Floats:
    """Divide rows by their standard deviation in place, uncentred: means are subtracted once, as the average term."""
    np.multiply(values, _inverse_deviation(values), out=values)
    return values


def _best(scores: Floats, eligible: NDArray[np.bool_], tie: Ints, limit: int) -> tuple[Ints, Ints, Ints]:
    """Return rows, columns and positions of each row's ``limit`` best eligible scores; ``tie`` orders equal ones."""
    count, size = scores.shape
    # without a branch, which takes ten times as long where it goes now this way and now that
    among = scores + ~eligible * -LARGEST
    bound = np.full((count, 1), -LARGEST / 2, np.float32)
    groups = size // 8
    if groups >= limit:
        # The limit-th best of the groups' maxima is at most the limit-th best of all, so lower scores are out.
        tops = among[:, : groups * 8].reshape(count, 8, groups).max(axis=1)
        bound = np.partition(tops, -limit, axis=1)[:, -limit, None]
    rows, columns, _ = _places(among >= np.maximum(bound, -LARGEST / 2))
    best = np.lexsort((tie[columns], -scores[rows, columns], rows))
    rows, columns = rows[best], columns[best]
    positions = np.arange(len(rows)) - np.searchsorted(rows, rows)
    kept = positions < limit
    return rows[kept], columns[kept], positions[kept]


def _check(papers: PaperMatrix, readers: ReaderBatch, allowed: NDArray[np.bool_], limit: int) -> None:
    count, size, rules = len(readers), len(papers), len(papers.kinds)
    if readers.wants.shape != (count, rules):
        raise ValueError(f"wants has {readers.wants.shape[1]} columns for {rules} rules")
    if allowed.shape != (count, size) or allowed.dtype != np.bool_:
        raise ValueError(f"allowed must be true or false for each of {count} readers and {size} papers")
    if readers.hype.shape != (count,) or not ((readers.hype >= 0) & (readers.hype <= 100)).all():
        raise ValueError("hype must be a number from 0 to 100 for each reader")
    if readers.weights is not None and readers.weights.shape != (count, len(PARTS)):
        raise ValueError(f"weights must hold {len(PARTS)} numbers for each of {count} readers")
    if readers.profiles is not None and len(readers.profiles) != count:
        raise ValueError(f"{len(readers.profiles)} profiles for {count} readers")
    if limit < 0:
        raise ValueError("limit must not be negative")
