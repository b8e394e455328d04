"""Select the papers of a digest in order, with reasons. Planning and previews share it."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from digest.compose.reasons import Reason, reasons_as_text
from digest.editions.candidate_pool import LAST, CandidatePool
from digest.models import StatusReason
from digest.ranking import personal
from digest.ranking.features import PaperMatrix, ReaderBatch
from digest.ranking.matching import Rule
from digest.ranking.personal import TERMS, rank
from digest.ranking.profiles import Profiles

ALSO = 3  # further trending papers of a mail
# Deviations above the day's mean from which "trending" is a reason, and a paper is named although it was not asked for
STANDS_OUT = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The wishes of S readers: R rules that they want or mute, and their profiles."""

    rules: list[Rule]
    wants: csr_array  # (S, R)
    mutes: csr_array  # (S, R)
    hype: NDArray[np.float32]  # (S,)
    limit: list[int]  # papers in each reader's digest
    profiles: Profiles | None = None  # of what they like

    @property
    def likes(self) -> NDArray[np.int64]:
        """Count the papers that each reader wants more of (S,)."""
        return self.profiles.likes if self.profiles else np.zeros(len(self.limit), np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """One reader's papers, as rows of the pool in the order shown, with reasons and terms as a DigestRecord has them.

    ``also`` are the other papers offered whose score stands out, the most trending first, for a reader with wishes.
    """

    papers: list[int]
    reasons: list[str]
    terms: array[float]
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
    """Select each reader's digest from the papers ``offered`` (S, P); ``papers`` is the pool with the rules."""
    allowed = offered.copy()
    for reader, rule in zip(*asked.mutes.nonzero(), strict=True):
        allowed[reader, _answering(papers.matches, rule)] = False
    likes = asked.likes
    wants_nothing = np.diff(asked.wants.indptr) == 0
    # A reader without wishes gets the trending list, with only voted papers as long as there are any.
    on_trending = wants_nothing & (likes == 0) & offered[:, pool.voted].any(axis=1)
    is_picked = pool.pick >= personal.PICK
    own_picks = _picks_of_topics(asked, pool)
    allowed[on_trending] &= pool.voted | is_picked
    readers = ReaderBatch(wants=asked.wants, hype=asked.hype, profiles=asked.profiles)
    readers = replace(readers, picks=_as_matrix(own_picks, allowed.shape)) if own_picks else readers
    ranking = rank(papers, readers, allowed=allowed, limit=max(asked.limit, default=0))
    by_likes = wants_nothing & (likes > 0)
    matched = np.where(by_likes, ranking.eligible - allowed[:, is_picked].sum(axis=1), ranking.matched)
    rules_of = papers.matches.T.tocsr()
    by_votes = np.lexsort((np.arange(len(pool.ids)), -pool.popularity))
    by_votes = by_votes[pool.has_votes[by_votes] & (pool.popularity[by_votes] >= STANDS_OUT)]
    asked_for_something = ~wants_nothing | (likes > 0)
    choices = []
    for reader, limit in enumerate(asked.limit):
        notes = pool.notes | own_picks.get(reader, {})
        wanted = asked.wants.indices[asked.wants.indptr[reader] : asked.wants.indptr[reader + 1]].tolist()
        chosen = [
            (
                int(paper),
                _reasons(
                    ranking.contributions[reader, place].tolist(),
                    [asked.rules[column] for column in _both(wanted, rules_of, int(paper))],
                    int(paper),
                    pool,
                    notes,
                    alike=bool(ranking.alike[reader, place]),
                ),
            )
            for place, paper in enumerate(ranking.order[reader, :limit])
            if paper >= 0
        ]
        # picks first, as mails show them
        chosen.sort(key=lambda one: pool.places[one[0]] if one[0] in notes else LAST)
        others = by_votes[allowed[reader, by_votes]][: limit + ALSO].tolist() if asked_for_something[reader] else []
        shown = {paper for paper, _ in chosen}
        choices.append(
            Selection(
                papers=[paper for paper, _ in chosen],
                reasons=[reasons_as_text(reasons) for _, reasons in chosen],
                terms=array("f", [reason.contribution for _, reasons in chosen for reason in reasons]),
                arrived=int(offered[reader].sum()),
                matched=int(matched[reader]),
                asked_for=[in_words(asked.rules[column]) for column in wanted] or _likes_in_words(int(likes[reader])),
                also=[paper for paper in others if paper not in shown][:ALSO],
            )
        )
    return choices


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
    return f"“{rule.key}”" if rule.kind == "keyword" else _label(rule)


def _likes_in_words(likes: int) -> list[str]:
    """Return the wish of a reader with likes alone in words."""
    return [f"more like {f'{likes} papers' if likes > 1 else 'a paper'} you chose"] if likes else []


def _label(rule: Rule) -> str:
    return rule.label or rule.key


def _answering(matches: csr_array, row: int) -> NDArray[np.integer]:
    """Return the columns of a row's matches: the papers of a rule or, transposed, the rules of a paper."""
    return np.asarray(matches.indices[matches.indptr[row] : matches.indptr[row + 1]])


def _both(wanted: Sequence[int], rules_of: csr_array, paper: int) -> list[int]:
    """Return the wanted rules that the paper matches, in the order wanted."""
    answered = set(_answering(rules_of, paper).tolist())
    return [column for column in wanted if column in answered]


def _reasons(
    contributions: Sequence[float],
    matched: Sequence[Rule],
    paper: int,
    pool: CandidatePool,
    notes: dict[int, str],
    *,
    alike: bool,
) -> list[Reason]:
    """Return each term of a paper's score, divided among the matching rules; the sum is the score."""
    kind_of_term = {"topic": "topic", "words": "keyword", "category": "category", "author": "author"}
    reasons = []
    for term, value in zip(TERMS, contributions, strict=True):
        labels = [_label(rule) for rule in matched if rule.kind == kind_of_term.get(term)]
        if labels:
            reasons += [Reason(kind_of_term[term], label, round(value / len(labels), 6)) for label in labels]
        elif value:
            reasons.append(_unruly(term, value, paper, pool, notes, alike=alike))
    return reasons


def _unruly(term: str, value: float, paper: int, pool: CandidatePool, notes: dict[int, str], *, alike: bool) -> Reason:
    """Return a term that does not come from a rule of the reader."""
    if term == "pick":
        return Reason("pick" if paper in notes else "boost", notes.get(paper, ""), round(value, 6))
    if term == "trending" and pool.popularity[paper] < STANDS_OUT:
        return Reason("popularity", "", round(value, 6))
    if term == "like_this":
        return Reason("like" if alike else "taste", "", round(value, 6))
    return Reason(term, "", round(value, 6))
