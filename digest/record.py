"""Define the frozen record of one digest: the reasons of its papers, and what its mail says about the day.

``plan`` makes it once, ``DeliveryContent.record`` keeps it as JSON, and mails, copies and explaining pages read it. The
terms of the scores are packed float32, so a term is kept to about seven digits.
"""

from __future__ import annotations

from array import array
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Self

VERSION = 2  # 1 was the dict of 2026, with each term as a number of its own

Why = tuple[str, str, float]  # kind, label, contribution: one term of a score (compose.reasons.Reason)


class UnknownVersion(ValueError):
    """The record was written by a version of the service that is not known here, or by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestRecord:
    """The record of a digest's content. ``reasons`` are the terms of each paper, in the order of the digest.

    ``arrived`` papers were offered to the reader, ``matched`` of them answered what they ``asked_for`` (in words).
    ``nothing`` is the StatusReason of a mail without papers, else empty. ``also`` are ids of up to three papers that
    trend, ``summaries`` those of the PaperSummary rows that its papers show. ``full`` says that the mail has the
    abstracts. ``occasion`` is ``first`` (then ``rhythm`` and ``limit`` say what to expect), ``catch_up`` (then
    ``since`` is the ISO date of the oldest edition) or empty.
    """

    arrived: int = 0
    matched: int = 0
    asked_for: Sequence[str] = ()
    reasons: Sequence[Sequence[Why]] = ()
    nothing: str = ""
    also: Sequence[int] = ()
    summaries: Sequence[int] = ()
    full: bool = False
    occasion: str = ""
    rhythm: str = ""
    limit: int = 0
    since: str = ""

    @property
    def has_counts(self) -> bool:
        """Return whether it has the numbers of papers: a digest with papers was chosen from at least these."""
        return bool(self.arrived or self.nothing)

    def to_json(self) -> dict[str, Any]:
        """Return what the column holds; empty fields are left out."""
        terms = array("f", [float(value) for why in self.reasons for _, _, value in why])
        fields = {
            "arrived": self.arrived,
            "matched": self.matched,
            "asked_for": list(self.asked_for),
            "reasons": [[[kind, label] for kind, label, _ in why] for why in self.reasons],
            "terms": b64encode(terms.tobytes()).decode(),
            "nothing": str(self.nothing),
            "also": list(self.also),
            "summaries": list(self.summaries),
            "full": self.full,
            "occasion": self.occasion,
            "rhythm": self.rhythm,
            "limit": self.limit,
            "since": self.since,
        }
        return {"version": VERSION, **{name: value for name, value in fields.items() if value}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote. Raises UnknownVersion for anything else."""
        if not isinstance(data, Mapping) or data.get("version") != VERSION:
            raise UnknownVersion(f"version {data.get('version') if isinstance(data, Mapping) else data!r}")
        fields = {name: value for name, value in data.items() if name not in ("version", "reasons", "terms")}
        try:
            terms = array("f", b64decode(data.get("terms", ""))).tolist()
            named = data.get("reasons", ())
            if len(terms) != sum(map(len, named)):
                raise ValueError("not each reason has one term")
            left = iter(terms)
            record = cls(**fields, reasons=[[(kind, label, next(left)) for kind, label in why] for why in named])
            record._check()
        except (TypeError, ValueError) as error:
            raise UnknownVersion(str(error)) from error
        return record

    def _check(self) -> None:
        """Raise an error where a field is not what it is said to be, before a mail or a page stumbles over it."""
        numbers = (self.arrived, self.matched, self.limit, *self.also, *self.summaries)
        words = (self.nothing, self.occasion, self.rhythm, self.since, *self.asked_for)
        names = (name for why in self.reasons for kind, label, _ in why for name in (kind, label))
        if not all(isinstance(number, int) for number in numbers):
            raise TypeError("a number is none")
        if not isinstance(self.full, bool):
            raise TypeError("whether it is full is not said")
        if not all(isinstance(word, str) for word in (*words, *names)):
            raise TypeError("a word is none")
        if self.since:
            date.fromisoformat(self.since)

    def for_papers(self, places: Sequence[int]) -> Self:
        """Return the record of those papers only, given by their places in the digest."""
        return replace(self, reasons=[self.reasons[place] for place in places] if self.reasons else ())

    def reasons_of(self, count: int) -> Iterator[Sequence[Why]]:
        """Yield the terms of each of ``count`` papers; empty ones where they are not kept any longer."""
        yield from (self.reasons[place] if place < len(self.reasons) else () for place in range(count))
