"""Rank the day's papers for each reader, with the contributions to each score.

Per reader, over the day's whole pool; z() subtracts the mean and divides by the standard deviation:

    said       = z(z(words) + z(echo) + z(about))    words of typed keywords and wanted topics, the papers they find,
                                                     and the titles' vectors' likeness to the typed words
    taste      = z(likeness to the profile of the liked texts) + .4 z(likeness to the mean of the liked titles' vectors)
    base       = said without likes; with likes taste + .3 said (fewer than 5) or .15 said
    relevance  = z(base) + .5 / (1 + likes / 5) z(likeness to the papers that stand out in base)
    score      = relevance + 1.5 x (wanted topics and categories the paper has) + .4 z(likeness to the liked categories)
                 + z(popularity) x hype / 50 + 1000 for a followed author + the curator's pick or boost

With likes, 1 replaces 1.5 for a topic and .5 for a category, and popularity counts half. Without a model for vectors
their terms are 0. Papers more than two deviations above the mean of base act as weak likes, the more so the fewer likes
there are. BM25, Rocchio's formula and pseudo-relevance feedback are textbook
(Manning, Raghavan, Schuetze, ch. 9 and 11); the weights were chosen on recorded readers
(``./run bench ranking``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from digest.ranking.features import Floats, Ints, PaperMatrix, ReaderBatch
from digest.ranking.profiles import DISLIKES, liking

TERMS = ("topic", "words", "category", "author", "like_this", "trending", "pick", "average")

# A z-score of P papers is below √P, so nothing else adds up to a thousand.
PICK, AUTHOR, BOOST = 2000.0, 1000.0, 2.0
MATCH, MATCH_WITH_LIKES, CATEGORY_WITH_LIKES = 1.5, 1.0, 0.5  # per wanted topic or category a paper has
MEANING, SHARED = 0.4, 0.4  # of the titles' vectors and of the categories, in the likeness to what is liked
POPULARITY, POPULARITY_WITH_LIKES = 1.0, 0.5  # at hype 50
FEEDBACK, STANDS_OUT = 0.5, 2.0
# Deviations above the day's average from which a paper counts as similar to the liked ones
LIKE_THIS = 1.0
# Readers times papers of one block, so that its arrays stay in the processor's cache
CELLS = 256_000


@dataclass(frozen=True, slots=True)
class Ranking:
    """The first ``limit`` papers of each of S readers, best first.

    ``order`` (S, limit) holds paper rows, -1 after the last paper; ``scores`` (S, limit) and ``contributions``
    (S, limit, TERMS) are 0 there, and a paper's contributions add up to its score. ``eligible`` (S,) counts the papers
    above the floor, ``matched`` (S,) those that match a wanted rule. ``asked_for_nothing`` (S,) marks readers who got
    the trending list. ``alike`` (S, limit) marks papers far above the day's average in similarity to the liked ones.
    """

    order: Ints
    scores: NDArray[np.float64]
    contributions: NDArray[np.float64]
    eligible: Ints
    matched: Ints
    asked_for_nothing: NDArray[np.bool_]
    alike: NDArray[np.bool_]


def rank(papers: PaperMatrix, readers: ReaderBatch, *, allowed: NDArray[np.bool_], limit: int) -> Ranking:
    """Return each reader's best papers among the ``allowed`` (S, P), at most ``limit``.

    A paper must match a wish of the reader or be a pick; for a reader with likes alone it must be similar to the liked
    ones; a reader without wishes and likes gets what is popular. Ties go to the more popular paper, then to the earlier
    row. The other readers of the batch make no difference. Batches of about 1,000 readers are best; no (S, P) array but
    ``allowed`` and the likeness to profiles is ever whole. Raises ValueError if shapes or ranges do not fit.
    """
    count, size = len(readers), len(papers)
    _check(papers, readers, allowed, limit)
    likes = readers.profiles.likes if readers.profiles else np.zeros(count, np.int64)
    ranking = Ranking(
        order=np.full((count, limit), -1),
        scores=np.zeros((count, limit)),
        contributions=np.zeros((count, limit, len(TERMS))),
        eligible=np.zeros(count, np.int64),
        matched=np.zeros(count, np.int64),
        asked_for_nothing=(np.diff(readers.wants.indptr) == 0) & (likes == 0),
        alike=np.zeros((count, limit), np.bool_),
    )
    if not (count and size and limit):
        return ranking
    wanted = _Wanted.by(readers, papers)
    papers.likeness.lay_out(readers=count)
    by_popularity = np.empty(size, np.int64)
    by_popularity[np.lexsort((np.arange(size), -papers.popularity))] = np.arange(size)
    at_once = max(1, CELLS // size)
    for start in range(0, count, at_once):
        block = slice(start, min(start + at_once, count))
        pick = papers.pick if readers.picks is None else papers.pick + readers.picks[block].toarray()
        scores, matched, alike, terms = _score(papers, readers, wanted, likes, block, pick=pick)
        ranking.matched[block] = (matched & allowed[block]).sum(axis=1)
        eligible = matched | (pick >= PICK)
        if alike is not None:
            eligible |= alike & (np.diff(readers.wants.indptr) == 0)[block, None]
        if not readers.floor:
            eligible[:] = True
        eligible[ranking.asked_for_nothing[block]] = True
        eligible &= allowed[block]
        ranking.eligible[block] = eligible.sum(axis=1)
        rows, columns, positions = _best(np.where(eligible, scores, -np.inf), by_popularity, limit)
        here = (start + rows, positions)
        ranking.order[here] = columns
        ranking.scores[here] = scores[rows, columns]
        if alike is not None:
            ranking.alike[here] = alike[rows, columns]
        for index, term in enumerate(terms):
            ranking.contributions[*here, index] = np.broadcast_to(term, scores.shape)[rows, columns]
        ranking.contributions[*here, -1] = ranking.scores[here] - ranking.contributions[here].sum(axis=1)
    return ranking


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The U rules that the batch wants, as dense (U, P) blocks for fast products, and what its readers like."""

    wants: csr_array  # (S, U)
    words: Floats
    echo: Floats
    matches: dict[str, tuple[csr_array, Floats]]  # by kind: columns of wants, and their rows of PaperMatrix.matches
    liked: Floats | None  # (S, P), as are the following: likeness of texts, of titles' meaning, of categories
    meant: Floats | None
    shared: Floats | None
    about: Floats | None  # likeness of titles to typed words

    @staticmethod
    def by(readers: ReaderBatch, papers: PaperMatrix) -> _Wanted:
        used = np.unique(readers.wants.indices)
        kinds = papers.kinds[used]
        columns = {kind: np.flatnonzero(kinds == kind) for kind in ("topic", "keyword", "category", "author")}
        wants = readers.wants[:, used].astype(np.float32)
        known, vectors = readers.profiles, papers.taste.vectors
        return _Wanted(
            wants=wants,
            words=papers.words[used].toarray(),
            echo=papers.echo[used],
            matches={kind: (wants[:, found], papers.matches[used[found]].toarray()) for kind, found in columns.items()},
            liked=liking(known, papers.taste.grams) if known else None,
            meant=vectors.like(known.vectors, known.vector_weight)
            if vectors and known and vectors.fit(known.vectors)
            else None,
            shared=papers.taste.categories.like(known.categories) if known else None,
            about=vectors.about(readers.stated) if vectors and vectors.fit(readers.stated) else None,
        )


def _score(
    papers: PaperMatrix, readers: ReaderBatch, wanted: _Wanted, likes: Ints, block: slice, *, pick: Floats
) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_] | None, tuple[Floats, ...]]:
    """Return scores, matches of wanted rules and similarity to the liked, each (S, P), and all terms but the last.

    A term is (S, P), or (S, 1) or (P,) if it is the same for all papers or for all readers.
    """
    wants = wanted.wants[block]
    known = likes[block, None]
    hits = {kind: wanting[block] @ matches for kind, (wanting, matches) in wanted.matches.items()}
    said = _unit(wants @ wanted.words) + _unit(wants @ wanted.echo)
    if wanted.about is not None:
        said += _unit(wanted.about[block])
    said = _unit(said)
    taste = _taste(wanted, known, block)

    base = said if taste is None else said * _weight_of_words(known) + taste
    spread = _inverse_deviation(base)
    feedback = _unit(papers.likeness.to(_standing_out((base - base.mean(axis=1, keepdims=True)) * spread)))
    feedback *= FEEDBACK / (1 + known / np.float32(5))
    if taste is None:
        words, like_this = said * spread + feedback, np.zeros((len(said), 1), np.float32)
    else:
        words = said * (_weight_of_words(known) * spread) + np.where(known, 0, feedback)
        like_this = taste * spread + np.where(known, feedback, 0)
    if wanted.shared is not None:
        like_this = like_this + SHARED * _unit(wanted.shared[block])

    topic = hits["topic"] * np.where(known, MATCH_WITH_LIKES, MATCH).astype(np.float32)
    category = hits["category"] * np.where(known, CATEGORY_WITH_LIKES, MATCH).astype(np.float32)
    author = (hits["author"] > 0) * np.float32(AUTHOR)
    popular = np.where(known, POPULARITY_WITH_LIKES, POPULARITY) * readers.hype[block, None] / 50
    trending = popular.astype(np.float32) * papers.popularity
    terms = (topic, words, category, author, like_this, trending, pick)

    relevance = words + like_this
    scores = relevance - relevance.mean(axis=1, keepdims=True)
    for term in (topic, category, author, trending, pick):
        scores += term
    matched = hits["topic"] + hits["keyword"] + hits["category"] + hits["author"] > 0
    alike = None
    if taste is not None:
        alike = (known > 0) & (_unit(taste - taste.mean(axis=1, keepdims=True)) >= LIKE_THIS)
    return scores, matched, alike, terms


def _taste(wanted: _Wanted, likes: Ints, block: slice) -> Floats | None:
    """Return each paper's similarity to what the readers like (S, P), None without profiles."""
    if wanted.liked is None:
        return None
    taste = _unit(wanted.liked[block])
    if wanted.meant is not None:
        taste += MEANING * _unit(wanted.meant[block])
    return np.where(likes, np.float32(1), np.float32(DISLIKES)) * taste


def _weight_of_words(likes: Ints) -> Floats:
    """Return the weight of typed words: 1 without likes, less with more likes."""
    return np.select([likes == 0, likes < 5], [1, 0.3], 0.15).astype(np.float32)


def _standing_out(deviations: Floats) -> csr_array:
    """Return by how much deviations exceed STANDS_OUT (S, P), 0 for most papers."""
    rows, columns = np.nonzero(deviations > STANDS_OUT)
    starts = np.searchsorted(rows, np.arange(len(deviations) + 1))
    return csr_array((deviations[rows, columns] - np.float32(STANDS_OUT), columns, starts), shape=deviations.shape)


def _inverse_deviation(values: Floats) -> Floats:
    """Return one over each row's standard deviation (S, 1), 0 for a constant row."""
    squares = np.einsum("ij,ij->i", values, values)[:, None] / values.shape[1]
    variance = squares - values.mean(axis=1, keepdims=True) ** 2
    # a smaller variance is float32's rounding
    spread = variance > 1e-5 * squares
    return np.where(spread, 1 / np.sqrt(np.where(spread, variance, 1)), 0).astype(np.float32)


def _unit(values: Floats) -> Floats:
    """Divide rows by their standard deviation, uncentred: the means are subtracted once, as the average term."""
    return values * _inverse_deviation(values)


def _best(scores: Floats, tie: Ints, limit: int) -> tuple[Ints, Ints, Ints]:
    """Return rows, columns and positions of each row's ``limit`` best finite scores; ``tie`` orders equal ones."""
    count, size = scores.shape
    bound = np.full((count, 1), -np.inf, np.float32)
    groups = size // 8
    if groups >= limit:
        # The limit-th best of the groups' maxima is at most the limit-th best of all, so lower scores are out.
        tops = scores[:, : groups * 8].reshape(count, 8, groups).max(axis=1)
        bound = np.partition(tops, -limit, axis=1)[:, -limit, None]
    rows, columns = np.nonzero((scores >= bound) & (scores > -np.inf))
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
    if readers.profiles is not None and len(readers.profiles) != count:
        raise ValueError(f"{len(readers.profiles)} profiles for {count} readers")
    if limit < 0:
        raise ValueError("limit must not be negative")
