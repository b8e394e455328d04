"""Define the frozen record of one digest: the reasons of its papers, and what its mail says about the day.

``plan`` makes it once, ``DeliveryContent.record`` keeps it as JSON, and mails, copies and explaining pages read it. The
reasons of a paper are one text, which mails look up in a cache without reading it; the terms of the scores are packed
float32, so a term is kept to about seven digits.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Annotated, Any, Self

from msgspec import DecodeError, Meta, Struct, convert, field, json, to_builtins
from msgspec.structs import replace

Key = Annotated[int, Meta(ge=1, le=(1 << 63) - 1)]  # of a row, as both databases have them
Why = tuple[str, str, float]  # kind, label, contribution: one term of a score (compose.reasons.Reason)
# A kind that a mail tells only if it raised the score -> its name where it did not
UNTOLD = {"about": "meaning", "like": "taste", "like_title": "titles", "trending": "popularity"}


class UnknownVersion(ValueError):
    """The record was written by a version of the service that is not known here, or by hand."""


def as_line(kind: str, label: str = "", contribution: float = 1.0) -> str:
    """Return a reason as a line: its kind and, after a space, its label."""
    kind = UNTOLD.get(kind, kind) if contribution <= 0 else kind
    return f"{kind} {' '.join(label.splitlines())}" if label else kind


class _Fields(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="version"):
    """What the records of all versions have."""

    arrived: int = 0
    matched: int = 0
    asked_for: Sequence[str] = field(default_factory=list)
    terms: bytes = b""
    nothing: str = ""
    also: Sequence[Key] = field(default_factory=list)
    summaries: Sequence[Key] = field(default_factory=list)
    full: bool = False
    occasion: str = ""
    rhythm: str = ""
    limit: int = 0
    since: str = ""
    votes_read_at: str = ""


class DigestRecord(_Fields, tag=3):
    """The record of a digest's content. ``reasons`` has a text for each paper, in the order of the digest.

    A text has a line for each term of the paper's score (:func:`as_line`), and ``terms`` their contributions, all in
    one row, as float32. ``arrived`` papers were offered to the reader, ``matched`` of them answered what they
    ``asked_for`` (in words). ``nothing`` is the StatusReason of a mail without papers, else empty. ``also`` are ids of
    up to three papers that trend, ``summaries`` those of the PaperSummary rows that its papers show. ``full`` says that
    the mail has the abstracts. ``occasion`` is ``first`` (then ``rhythm`` and ``limit`` say what to expect),
    ``catch_up`` (then ``since`` is the ISO date of the oldest edition) or empty. ``votes_read_at`` is the ISO time of
    the reading of votes that the order counts, empty without votes.
    """

    reasons: Sequence[str] = field(default_factory=list)

    @classmethod
    def explaining(cls, reasons: Iterable[Iterable[Why]], **fields: Any) -> Self:
        """Return the record of a digest whose papers have these terms."""
        papers = [list(why) for why in reasons]
        return cls(
            reasons=["\n".join([as_line(*term) for term in why]) for why in papers],
            terms=array("f", [value for why in papers for _, _, value in why]).tobytes(),
            **fields,
        )

    @property
    def has_counts(self) -> bool:
        """Return whether it has the numbers of papers: a digest with papers was chosen from at least these."""
        return bool(self.arrived or self.nothing)

    def to_json(self) -> dict[str, Any]:
        """Return what the column holds; empty fields are left out."""
        return dict(to_builtins(self, enc_hook=_plain))

    def to_text(self) -> str:
        """Return what the column holds as JSON."""
        return _encoder.encode(self).decode()

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | str) -> DigestRecord:
        """Read what :meth:`to_json` or :meth:`to_text` returned, in this version or the one before.

        Raise UnknownVersion for anything else.
        """
        try:
            found = _decoder.decode(data) if isinstance(data, str) else _converted(data)
            record = found if isinstance(found, DigestRecord) else found.renewed()
            record._check()
        except (DecodeError, ValueError, RecursionError) as error:
            raise UnknownVersion(str(error)) from error
        return record

    def _check(self) -> None:
        """Raise ValueError where a field is not what it is said to be, before a mail or a page stumbles over it."""
        if len(self.terms) != 4 * sum([text.count("\n") + 1 for text in self.reasons if text]):
            raise ValueError("not each reason has one term")
        if self.since:
            date.fromisoformat(self.since)
        if self.votes_read_at:
            datetime.fromisoformat(self.votes_read_at)

    @property
    def explained(self) -> list[list[Why]]:
        """Return the terms of each paper's score with their contributions, as long as these are kept."""
        left = iter(array("f", self.terms))
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


class _OfVersion2(_Fields, tag=2):
    """The record before 2026-12, with a kind and a label for each reason."""

    reasons: Sequence[Sequence[tuple[str, str]]] = field(default_factory=list)

    def renewed(self) -> DigestRecord:
        terms = array("f", self.terms)
        if len(terms) != sum(map(len, self.reasons)):
            raise ValueError("not each reason has one term")
        left, fields = iter(terms), {name: getattr(self, name) for name in _Fields.__struct_fields__ if name != "terms"}
        return DigestRecord.explaining([[(*why, next(left)) for why in paper] for paper in self.reasons], **fields)


def _plain(value: Any) -> str:
    """Return what a subclass of str holds: msgspec 0.23 takes a SafeString or a Markup, and cannot write it."""
    if not isinstance(value, str):
        raise TypeError(f"a record holds no {type(value).__name__}")
    # str() of a SafeString is one again
    return "".join([value])


_ANY_VERSION = DigestRecord | _OfVersion2
_converted, _decoder = partial(convert, type=_ANY_VERSION), json.Decoder(_ANY_VERSION)
_encoder = json.Encoder(enc_hook=_plain)


def record_of(data: Mapping[str, Any] | str) -> DigestRecord | None:
    """Return the record that a column holds, None where none is kept any longer or another version wrote it."""
    try:
        return DigestRecord.from_json(data) if data else None
    except UnknownVersion:
        return None
