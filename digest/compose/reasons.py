"""Reasons of a paper in a digest: the terms of its score, and their words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from digest.compose.card import NAME_LENGTH, Fact, Link, counts_in_words, untold
from digest.compose.phrases import join_words, shorten

# The kinds that mails state in words
TOLD = frozenset({"pick", "author", "topic", "keyword", "category", "like", "trending"})
# The kinds that a reader asked for, and the name of one and of several
WISHES = {
    "author": ("Author", "Authors"),
    "topic": ("Topic", "Topics"),
    "keyword": ("Keyword", "Keywords"),
    "category": ("Category", "Categories"),
}


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


def reason_in_words(
    reasons: Iterable[Reason], *, facts: Sequence[Fact] = (), links: Sequence[Link] = (), place: str = ""
) -> str:
    """Return the reasons in one line: ``Topic: Robotics · Trending: 73 upvotes on Hugging Face``.

    A reader's wish is named whenever it matched; ``like`` and ``trending`` only if they raised the score. ``facts``
    that are not a reason come last, without those that one of the ``links`` tells. ``place`` is where votes are
    counted if the mail says it once for all papers. Never empty: without a reason the paper is on today's list.
    """
    told = [
        (reason.kind, reason.label)
        for reason in reasons
        if reason.kind in TOLD and (reason.contribution > 0 or reason.kind not in ("like", "trending"))
    ]
    return _in_words(tuple(told), tuple(facts), tuple(links), place)


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
def _in_words(
    reasons: tuple[tuple[str, str], ...], facts: tuple[Fact, ...], links: tuple[Link, ...], place: str
) -> str:
    labels: dict[str, list[str]] = {}
    for kind, label in reasons:
        short = shorten(label, NAME_LENGTH)
        labels.setdefault(kind, []).append(f"“{short}”" if kind == "keyword" else short)
    parts = ["Picked by the editors"] if "pick" in labels else []
    for kind, (one, many) in WISHES.items():
        if said := labels.get(kind):
            parts.append(f"{one if len(said) == 1 else many}: {join_words(said)}")
    if "like" in labels:
        parts.append("Similar to papers you asked for more of")
    counts = counts_in_words(untold(facts, links), place=place)
    if "trending" in labels:
        parts.append(f"Trending: {counts}" if counts else "Trending")
    elif counts:
        parts.append(counts)
    return " · ".join(parts) or "On today’s list of new papers"
