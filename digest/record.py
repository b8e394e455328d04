"""Define the frozen record of one digest: the reasons of its papers, and what its mail says about the day.

``plan`` makes it once, ``DeliveryContent.record`` keeps it as JSON, and mails, copies and explaining pages read it. The
reasons of a paper are one text, which mails look up in a cache without reading it; the terms of the scores are packed
float32, so a term is kept to about seven digits.
"""

from __future__ import annotations

from array import array
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Self

VERSION = 3  # 2 had a list of kind and label for each reason; 1 was the dict of 2026, with each term as a number

Why = tuple[str, str, float]  # kind, label, contribution: one term of a score (compose.reasons.Reason)
# A kind that a mail tells only if it raised the score -> its name where it did not
UNTOLD = {"about": "meaning", "like": "taste", "like_title": "titles", "trending": "popularity"}


class UnknownVersion(ValueError):
    """The record was written by a version of the service that is not known here, or by hand."""


def as_line(kind: str, label: str = "", contribution: float = 1.0) -> str:
    """Return a reason as a line: its kind and, after a space, its label."""
    kind = UNTOLD.get(kind, kind) if contribution <= 0 else kind
    return f"{kind} {' '.join(label.splitlines())}" if label else kind


# not frozen: each mail makes two, and a frozen one takes twice as long
@dataclass(slots=True, kw_only=True)
class DigestRecord:
    """The record of a digest's content. ``reasons`` has a text for each paper, in the order of the digest.

    A text has a line for each term of the paper's score (:func:`as_line`), and ``terms`` their contributions, all in
    one row. ``arrived`` papers were offered to the reader, ``matched`` of them answered what they ``asked_for`` (in
    words). ``nothing`` is the StatusReason of a mail without papers, else empty. ``also`` are ids of up to three papers
    that trend, ``summaries`` those of the PaperSummary rows that its papers show. ``full`` says that the mail has the
    abstracts. ``occasion`` is ``first`` (then ``rhythm`` and ``limit`` say what to expect), ``catch_up`` (then
    ``since`` is the ISO date of the oldest edition) or empty. ``votes_read_at`` is the ISO time of the reading of votes
    that the order counts, empty without votes.
    """

    arrived: int = 0
    matched: int = 0
    asked_for: Sequence[str] = ()
    reasons: Sequence[str] = ()
    terms: array[float] = field(default_factory=lambda: array("f"))
    nothing: str = ""
    also: Sequence[int] = ()
    summaries: Sequence[int] = ()
    full: bool = False
    occasion: str = ""
    rhythm: str = ""
    limit: int = 0
    since: str = ""
    votes_read_at: str = ""

    @classmethod
    def explaining(cls, reasons: Iterable[Iterable[Why]], **fields: Any) -> Self:
        """Return the record of a digest whose papers have these terms."""
        papers = [list(why) for why in reasons]
        return cls(
            reasons=["\n".join([as_line(*term) for term in why]) for why in papers],
            terms=array("f", [value for why in papers for _, _, value in why]),
            **fields,
        )

    @property
    def has_counts(self) -> bool:
        """Return whether it has the numbers of papers: a digest with papers was chosen from at least these."""
        return bool(self.arrived or self.nothing)

    def to_json(self) -> dict[str, Any]:
        """Return what the column holds; empty fields are left out."""
        fields = {
            "version": VERSION,
            "arrived": self.arrived,
            "matched": self.matched,
            "asked_for": list(self.asked_for),
            "reasons": list(self.reasons),
            "terms": b64encode(self.terms).decode(),
            "nothing": str(self.nothing),
            "also": list(self.also),
            "summaries": list(self.summaries),
            "full": self.full,
            "occasion": self.occasion,
            "rhythm": self.rhythm,
            "limit": self.limit,
            "since": self.since,
            "votes_read_at": self.votes_read_at,
        }
        return {name: value for name, value in fields.items() if value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote, in this version or the one before. Raises UnknownVersion otherwise."""
        version = data.get("version") if isinstance(data, Mapping) else data
        if version not in (VERSION, 2) or isinstance(version, bool):
            raise UnknownVersion(f"version {version!r}")
        fields = {name: value for name, value in data.items() if name not in ("version", "terms")}
        try:
            fields["terms"] = array("f", b64decode(data.get("terms", "")))
            record = cls(**fields) if version == VERSION else cls._of_version_2(**fields)
            record._check()
        except (AttributeError, TypeError, ValueError) as error:
            raise UnknownVersion(str(error)) from error
        return record

    @classmethod
    def _of_version_2(
        cls, *, terms: array[float], reasons: Sequence[Sequence[Sequence[str]]] = (), **fields: Any
    ) -> Self:
        if len(terms) != sum(map(len, reasons)):
            raise ValueError("not each reason has one term")
        left = iter(terms)
        return cls.explaining([[(kind, label, next(left)) for kind, label in why] for why in reasons], **fields)

    def _check(self) -> None:
        """Raise an error where a field is not what it is said to be, before a mail or a page stumbles over it."""
        numbers = (self.arrived, self.matched, self.limit, *self.also, *self.summaries)
        times = (self.since, self.votes_read_at)
        words = (self.nothing, self.occasion, self.rhythm, *times, *self.asked_for, *self.reasons)
        # by their set of types: each mail comes by here
        if not set(map(type, numbers)) <= {int}:
            raise TypeError("a number is none")
        if not isinstance(self.full, bool):
            raise TypeError("whether it is full is not said")
        if not set(map(type, words)) <= {str} or isinstance(self.reasons, str):
            raise TypeError("a word is none")
        if len(self.terms) != sum([text.count("\n") + 1 for text in self.reasons if text]):
            raise ValueError("not each reason has one term")
        if self.since:
            date.fromisoformat(self.since)
        if self.votes_read_at:
            datetime.fromisoformat(self.votes_read_at)

    @property
    def explained(self) -> list[list[Why]]:
        """Return the terms of each paper's score with their contributions, as long as these are kept."""
        left = iter(self.terms)
        lines = [[line.partition(" ") for line in text.split("\n") if text] for text in self.reasons]
        return [[(kind, label, next(left)) for kind, _, label in paper] for paper in lines]

    def for_papers(self, places: Sequence[int]) -> Self:
        """Return the record of those papers only, given by their places in the digest; of one without reasons, none."""
        explained = self.explained_of(max(places, default=-1) + 1)
        kept = self.explaining([explained[place] for place in places])
        return replace(self, reasons=kept.reasons, terms=kept.terms)

    def explained_of(self, count: int) -> list[list[Why]]:
        """Return the terms of each of ``count`` papers; empty ones where they are not kept any longer."""
        explained = self.explained[:count]
        return explained + [[] for _ in range(count - len(explained))]
