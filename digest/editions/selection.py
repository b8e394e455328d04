"""Select the papers of a digest in order, with reasons. Planning and previews share it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digest.compose.phrases import plural
from digest.editions.candidate_pool import CandidatePool
from digest.editions.told_terms import STANDS_OUT, ToldTerms, label
from digest.models import StatusReason
from digest.ranking import personal
from digest.ranking.archive import Floats
from digest.ranking.features import PaperMatrix, ReaderBatch
from digest.ranking.matching import Rule
from digest.ranking.personal import Ranking, rank
from digest.ranking.profiles import Profiles
from digest.ranking.sparse import csr_array

CELLS = 400_000  # of which ranking holds some ten arrays, 1.6 MB each
ALSO = 3  # further trending papers of a mail


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The wishes of S readers: R rules that they want or mute, and their profiles."""

    rules: list[Rule]
    wants: csr_array  # (S, R)
    mutes: csr_array  # (S, R)
    hype: NDArray[np.float32]  # (S,)
    limit: list[int]  # papers in each reader's digest
    profiles: Profiles | None = None  # of what they like
    stated: Floats | None = None  # (S, D), vectors of the words they typed
    weights: Floats | None = None  # (S, PARTS) of the parts that they turned down, None if nobody did

    def __getitem__(self, block: slice) -> Demand:
        """Return the demand of neighbouring readers."""
        return replace(
            self,
            wants=self.wants[block],
            mutes=self.mutes[block],
            hype=self.hype[block],
            limit=self.limit[block],
            profiles=self.profiles[block] if self.profiles else None,
            stated=None if self.stated is None else self.stated[block],
            weights=None if self.weights is None else self.weights[block],
        )


# Each digest has one, and a frozen dataclass takes longer to make.
class Selection(NamedTuple):
    """One reader's papers, as rows of the pool in the order shown, with reasons and terms as a DigestRecord has them.

    ``also`` are the other papers offered whose score stands out, the most trending first, for a reader with wishes.
    """

    papers: list[int]
    reasons: list[str]
    terms: bytes
    arrived: int
    matched: int
    asked_for: list[str]
    also: list[int]

    @property
    def empty_reason(self) -> str:
        """Return the StatusReason of an empty selection, else an empty string."""
        if not self.arrived:
            return StatusReason.NO_NEW_PAPERS
        return "" if self.papers else StatusReason.NOTHING_MATCHED


def select(asked: Demand, pool: CandidatePool, papers: PaperMatrix, *, offered: NDArray[np.bool_]) -> list[Selection]:
    """Select each reader's digest from the papers ``offered`` (S, P); ``papers`` is the pool with the rules.

    Ranks at most CELLS pairs of a reader and a paper at once, whatever the number of readers.
    """
    at_once = max(1, CELLS // max(1, len(pool.ids)))
    blocks = [slice(start, min(start + at_once, len(offered))) for start in range(0, len(offered), at_once)]
    return [one for block in blocks for one in _select(asked[block], pool, papers, offered=offered[block])]


def _select(asked: Demand, pool: CandidatePool, papers: PaperMatrix, *, offered: NDArray[np.bool_]) -> list[Selection]:
    allowed = offered.copy()
    for reader, rule in zip(*asked.mutes.nonzero(), strict=True):
        allowed[reader, _answering(papers.matches, rule)] = False
    is_picked = pool.pick >= personal.PICK
    own_picks = _picks_of_topics(asked, pool)
    readers = ReaderBatch(
        wants=asked.wants, hype=asked.hype, profiles=asked.profiles, stated=asked.stated, weights=asked.weights
    )
    by_likes = readers.want_similar
    # A reader without wishes gets the trending list, with only voted papers as long as there are any.
    on_trending = readers.want_nothing & ~by_likes
    allowed[on_trending & offered[:, pool.voted].any(axis=1)] &= pool.voted | is_picked
    readers = replace(readers, picks=_as_matrix(own_picks, allowed.shape)) if own_picks else readers
    ranking = rank(papers, readers, allowed=allowed, limit=max(asked.limit, default=0))
    matched = np.where(by_likes, ranking.eligible - allowed[:, is_picked].sum(axis=1), ranking.matched)
    ranking = _picks_first(ranking, pool, own_picks, asked.limit)
    told = ToldTerms(asked.rules, asked.wants, papers, pool, likes=readers.likes).tell(ranking, own_picks)
    by_votes = np.lexsort((np.arange(len(pool.ids)), -pool.popularity))
    by_votes = by_votes[pool.has_votes[by_votes] & (pool.popularity[by_votes] >= STANDS_OUT)]
    others = allowed[:, by_votes]
    others[on_trending] = False
    in_words_of = [in_words(rule) for rule in asked.rules]
    starts, wanted = asked.wants.indptr.tolist(), asked.wants.indices.tolist()
    return [
        Selection(
            shown := ranking.order[reader, : len(reasons)].tolist(),
            reasons,
            terms,
            arrived,
            count,
            [in_words_of[rule] for rule in wanted[starts[reader] : starts[reader + 1]]] or _likes_in_words(liked),
            [paper for paper in by_votes[others[reader]][: len(shown) + ALSO].tolist() if paper not in shown][:ALSO],
        )
        for reader, ((reasons, terms), arrived, count, liked) in enumerate(
            zip(told, offered.sum(axis=1).tolist(), matched.tolist(), (readers.likes * by_likes).tolist(), strict=True)
        )
    ]


def _picks_first(
    ranking: Ranking, pool: CandidatePool, own_picks: dict[int, dict[int, str]], limit: Sequence[int]
) -> Ranking:
    """Return the ranking cut to each reader's limit, with picks before the others, as mails show them."""
    order = np.where(np.arange(ranking.order.shape[1]) < np.array(limit, int)[:, None], ranking.order, -1)
    ranks = {place: rank for rank, place in enumerate(sorted(set(pool.places.values())))}
    place_of = np.full(len(pool.ids) + 1, len(ranks))  # the last one is that of no paper, -1
    place_of[list(pool.notes)] = [ranks[pool.places[paper]] for paper in pool.notes]
    keys = place_of[order]
    for reader, papers in own_picks.items():
        for paper in papers:
            keys[reader, order[reader] == paper] = ranks[pool.places[paper]]
    if (keys == len(ranks)).all():
        return replace(ranking, order=order)
    first = np.argsort(keys, axis=1, kind="stable")
    return replace(
        ranking,
        order=np.take_along_axis(order, first, axis=1),
        contributions=np.take_along_axis(ranking.contributions, first[:, :, None], axis=1),
        alike=np.take_along_axis(ranking.alike, first, axis=1),
        close=np.take_along_axis(ranking.close, first, axis=1),
    )


def _picks_of_topics(asked: Demand, pool: CandidatePool) -> dict[int, dict[int, str]]:
    """Return the papers picked for topics that a reader wants, with the notes, by reader."""
    found: dict[int, dict[int, str]] = defaultdict(dict)
    if pool.topic_picks:
        columns = {rule.key: column for column, rule in enumerate(asked.rules) if rule.kind == "topic"}
        wants = asked.wants.tocsc()
        for paper, (slug, note) in pool.topic_picks.items():
            if (column := columns.get(slug)) is not None:
                for reader in _answering(wants, column).tolist():
                    found[reader][paper] = note
    return found


def _as_matrix(picks: dict[int, dict[int, str]], shape: tuple[int, ...]) -> csr_array:
    """Return these picks (S, P) as the ranking takes them."""
    cells = [(reader, paper) for reader, papers in picks.items() for paper in papers]
    return csr_array((np.full(len(cells), personal.PICK, np.float32), tuple(zip(*cells, strict=True))), shape=shape)


def in_words(rule: Rule) -> str:
    """Return a rule in words: ``Robotics``, ``“grasping”``, ``cs.LG``."""
    return f"“{rule.key}”" if rule.kind == "keyword" else label(rule)


def _likes_in_words(likes: int) -> list[str]:
    """Return the wish of a reader with likes alone in words."""
    return [f"papers similar to {plural(likes, 'paper')} that you like"] if likes else []


def _answering(matches: csr_array, row: int) -> NDArray[np.integer]:
    """Return the columns of a row's matches: the papers of a rule or, transposed, the rules of a paper."""
    return np.asarray(matches.indices[matches.indptr[row] : matches.indptr[row + 1]])
