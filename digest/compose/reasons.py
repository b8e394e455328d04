"""Reasons of a paper in a digest: the terms of its score, and their words."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from digest.compose.card import NAME_LENGTH
from digest.compose.phrases import join_words, shorten
from digest.record import as_line
from subscriptions.mail.marks import gettext as _

# The kinds that are told in words
TOLD = frozenset({"pick", "author", "topic", "keyword", "category", "about", "like", "like_title", "trending"})
# The kinds that a reader asked for, and the name of one and of several
WISHES = {
    "author": (_("Author"), _("Authors")),
    "topic": (_("Topic"), _("Topics")),
    "keyword": (_("Keyword"), _("Keywords")),
    "category": (_("Category"), _("Categories")),
}


# Each reader has a hundred reasons, and a frozen dataclass takes twice as long to make.
class Reason(NamedTuple):
    """One term of a paper's score.

    ``kind`` is one of TOLD, which mails state in words, or ``words``, ``meaning``, ``taste``, ``titles``, ``shared``,
    ``popularity``, ``boost`` or ``average``, which only move a paper: ``meaning``, ``taste`` and ``titles`` are the
    terms of ``about``, ``like`` and ``like_title`` below their threshold. The label is the name, word or code that
    matched, for a pick the curator's note, for a like the number of papers that the reader likes, else empty.
    ``contribution`` is the weighted term; a reader's contributions to a paper add up to its score.
    """

    kind: str
    label: str = ""
    contribution: float = 0.0


def reasons_as_text(reasons: Iterable[Reason]) -> str:
    """Return reasons as the record of a digest has them: a line each (:func:`digest.record.as_line`)."""
    return "\n".join([as_line(*reason) for reason in reasons])


# many papers have the same reasons
@lru_cache(maxsize=20_000)
def reason_in_words(reasons: str, counts: str = "") -> str:
    """Return the reasons in one line: ``Topic: Robotics · Trending: 73 upvotes on Hugging Face``.

    ``reasons`` has a line for each (:func:`digest.record.as_line`); those of a kind not in TOLD are left out.
    ``counts`` are the card's, which come last where they are no reason. Without a reason the paper is on today's list.
    Empty for a pick without another reason: the heading above the picks says it of all.
    """
    labels: dict[str, list[str]] = {}
    for line in reasons.split("\n"):
        kind, _space, label = line.partition(" ")
        short = shorten(label, NAME_LENGTH)
        labels.setdefault(kind, []).append(f"“{short}”" if kind == "keyword" else short)
    parts: list[str] = []
    for kind, (one, many) in WISHES.items():
        if said := labels.get(kind):
            parts.append(f"{one if len(said) == 1 else many}: {join_words(said)}")
    if "about" in labels and "keyword" not in labels:
        parts.append(_("Close to the words you typed"))
    if liked := labels.get("like") or labels.get("like_title"):
        # not how many, since the number is of all that the reader likes
        parts.append(
            _("Similar to the paper that you like") if liked[0] == "1" else _("Similar to papers that you like")
        )
    if "trending" in labels:
        parts.append(_("Trending: %(counts)s") % {"counts": counts} if counts else _("Trending"))
    elif counts:
        parts.append(counts)
    return " · ".join(parts) or ("" if "pick" in labels else _("On today’s list of new papers"))


def note_among(reasons: str) -> str | None:
    """Return the curator's note, perhaps empty; None for a paper that is not a pick."""
    if "pick" not in reasons:
        return None
    notes = (line.partition(" ") for line in reasons.split("\n"))
    return next((label for kind, _space, label in notes if kind == "pick"), None)


# Kind -> words of a term for the reader and the staff; the label follows if it is a name
TERMS = {
    "pick": _("Picked by the editors"),
    "author": _("Followed author"),
    "topic": _("Topic"),
    "keyword": _("Keyword"),
    "category": _("Category"),
    "words": _("Words typed, and those of topics"),
    "about": _("Close to the words typed"),
    "meaning": _("Close to the words typed"),
    "like": _("Words of liked papers"),
    "taste": _("Words of liked papers"),
    "like_title": _("Titles of liked papers"),
    "titles": _("Titles of liked papers"),
    "shared": _("Categories of liked papers"),
    "trending": _("Popularity"),
    "popularity": _("Popularity"),
    "boost": _("Moved up by the editors"),
    "average": _("Average of the day, the same for all papers"),
}
WITHOUT_LABEL = frozenset({"like", "taste", "like_title", "titles"})


def terms_in_words(reasons: Iterable[Reason]) -> list[tuple[str, float]]:
    """Return every term of a paper's score in words with its contribution; they add up to the score."""
    return [
        (f"{TERMS.get(kind, kind)}: {label}" if label and kind not in WITHOUT_LABEL else TERMS.get(kind, kind), value)
        for kind, label, value in reasons
    ]
