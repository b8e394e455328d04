"""Why a paper is in a digest: the terms of its score, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from digest.compose.card import NAME_LENGTH, Fact, counts_in_words
from digest.compose.phrases import join_words, shorten

TOLD = frozenset({"pick", "author", "topic", "keyword", "category", "like", "trending"})  # the kinds said in words


class Reason(NamedTuple):  # of which each reader has a hundred: a frozen dataclass takes twice as long to make
    """Why a paper is here: one term of its score.

    ``kind`` is ``author``, ``topic``, ``keyword``, ``category``, ``like``, ``trending`` or ``pick``, which are said in
    words, or ``words``, ``taste``, ``popularity``, ``boost`` or ``average``, which only move a paper: ``taste`` is what
    more and less did to a paper that does not stand out by it. The label is the name, word or code that matched, for a
    pick the curator's note, else empty. ``contribution`` is the weighted term; a reader's contributions to a paper add
    up to its score.
    """

    kind: str
    label: str = ""
    contribution: float = 0.0


def reason_in_words(reasons: Iterable[Reason], *, facts: Sequence[Fact] = ()) -> str:
    """Say in one line why a paper is here: ``Matches your topic Robotics; trending with 73 upvotes on Hugging Face.``

    What a reader asked for is named whenever it matched; ``like`` and ``trending`` only where they raised the score.
    ``facts`` that are no reason follow as a sentence of their own. Never empty: without a reason it is on the list.
    """
    told = [
        (reason.kind, reason.label)
        for reason in reasons
        if reason.kind in TOLD and (reason.contribution > 0 or reason.kind not in ("like", "trending"))
    ]
    return _in_words(tuple(told), tuple(facts))


TERMS = {  # kind -> what the staff reads of a term; the label follows where there is one
    "pick": "Picked by the editors",
    "author": "Follows the author",
    "topic": "Topic",
    "keyword": "Keyword",
    "category": "Category",
    "like": "Close to papers they asked for more of",
    "trending": "Trending",
    "words": "Words of what they asked for",
    "taste": "What they asked for more and less of",
    "popularity": "Popularity",
    "boost": "Moved up by the editors",
    "average": "The day’s average, from which all start",
}


def terms_in_words(reasons: Iterable[Reason]) -> list[tuple[str, float]]:
    """Every term of a paper's score in words, and what it gave, in their order; they add up to the score."""
    named = [(TERMS.get(reason.kind, reason.kind), reason) for reason in reasons]
    return [(f"{words}: {one.label}" if one.label else words, one.contribution) for words, one in named]


@lru_cache(maxsize=20_000)  # the same paper for the same reason is in many mails
def _in_words(reasons: tuple[tuple[str, str], ...], facts: tuple[Fact, ...]) -> str:
    labels: dict[str, list[str]] = {}
    for kind, label in reasons:
        labels.setdefault(kind, []).append(shorten(label, NAME_LENGTH))
    counts = counts_in_words(facts)
    clauses = []
    if "pick" in labels:
        clauses.append("picked by the editors")
    if "author" in labels:
        clauses.append(f"by {join_words(labels['author'])}, whom you follow")
    wishes = (
        ("topic", "topics", labels.get("topic", [])),
        ("keyword", "keywords", [f"“{word}”" for word in labels.get("keyword", [])]),
        ("category", "categories", labels.get("category", [])),
    )
    matches = [f"your {one if len(said) == 1 else many} {join_words(said)}" for one, many, said in wishes if said]
    if matches:
        clauses.append(f"matches {join_words(matches)}")
    if "like" in labels:
        clauses.append("close to papers you asked for more of")
    if "trending" in labels:
        clauses.append(f"trending with {counts}" if counts else "trending")
    why = "; ".join(clauses)
    sentences = [why[:1].upper() + why[1:], "" if "trending" in labels else counts]
    return " ".join(f"{sentence}." for sentence in sentences if sentence) or "On today’s list of new papers."
