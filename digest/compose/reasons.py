"""Reasons of a paper in a digest: the terms of its score, and their words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from digest.compose.card import NAME_LENGTH, Fact, counts_in_words
from digest.compose.phrases import join_words, shorten

# The kinds that mails state in words
TOLD = frozenset({"pick", "author", "topic", "keyword", "category", "like", "trending"})


# Each reader has a hundred reasons, and a frozen dataclass takes twice as long to make.
class Reason(NamedTuple):
    """One term of a paper's score.

    ``kind`` is ``author``, ``topic``, ``keyword``, ``category``, ``like``, ``trending`` or ``pick``, which mails state
    in words, or ``words``, ``taste``, ``popularity``, ``boost`` or ``average``, which only move a paper: ``taste`` is
    the effect of the reader's likes and dislikes below the threshold of ``like``. The label is the name, word or code
    that matched, for a pick the curator's note, else empty. ``contribution`` is the weighted term; a reader's
    contributions to a paper add up to its score.
    """

    kind: str
    label: str = ""
    contribution: float = 0.0


def reason_in_words(reasons: Iterable[Reason], *, facts: Sequence[Fact] = ()) -> str:
    """Return the reasons in one line: ``Matches your topic Robotics; trending with 73 upvotes on Hugging Face.``

    A reader's wish is named whenever it matched; ``like`` and ``trending`` only if they raised the score. ``facts``
    that are not a reason follow in a second sentence. Never empty: without a reason the paper is on today's list.
    """
    told = [
        (reason.kind, reason.label)
        for reason in reasons
        if reason.kind in TOLD and (reason.contribution > 0 or reason.kind not in ("like", "trending"))
    ]
    return _in_words(tuple(told), tuple(facts))


# Kind -> words for the staff; the label follows if there is one
TERMS = {
    "pick": "Picked by the editors",
    "author": "Follows the author",
    "topic": "Topic",
    "keyword": "Keyword",
    "category": "Category",
    "like": "Similar to papers they asked for more of",
    "trending": "Trending",
    "words": "Words of their wishes",
    "taste": "Their “more” and “less”",
    "popularity": "Popularity",
    "boost": "Moved up by the editors",
    "average": "Average of the day, the same for all papers",
}


def terms_in_words(reasons: Iterable[Reason]) -> list[tuple[str, float]]:
    """Return every term of a paper's score in words with its contribution; they add up to the score."""
    named = [(TERMS.get(reason.kind, reason.kind), reason) for reason in reasons]
    return [(f"{words}: {one.label}" if one.label else words, one.contribution) for words, one in named]


# the same paper for the same reason is in many mails
@lru_cache(maxsize=20_000)
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
