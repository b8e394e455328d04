"""Define what reading a source returns, and the steps that all kinds of sources share."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from digest.ingest.entry import NEW, Entry
from digest.ingest.papers.identity import tell_apart
from digest.ingest.parsers.notices import MAX_NOTICES, Notice, notice_in
from digest.ingest.parsers.retractions import why_no_work
from digest.source_errors import ErrorKind, SourceError

MAX_ENTRIES = 50_000  # arXiv gives at most 2,000 at once
MAX_TITLE = 2000  # characters; longer is no title
MAX_ABSTRACT = 50_000  # characters; the rest is cut
MAX_AUTHORS = 10_000  # the longest author lists of physics have about 5,000
MAX_NOTES = 20

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")  # no database takes NUL or half a pair


class SourceUnreadable(SourceError):
    """The whole body is of no use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One thing that was left out of a feed, and why, in words a person understands."""

    what: str  # the title, id or place in the feed, shortened
    why: str
    is_work: bool = True  # False for a notice or front matter, which nobody expects among the papers


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """The papers of one reading of a source, with what was left out and noted.

    ``stated_total`` is how many entries this one answer should have held by the source's own word, so that fewer means
    that some are missing; None where the source states nothing that can be compared. What lies on later pages counts
    only where the source, and not the one who asks, decides the size of a page (bioRxiv); else a note mentions it.
    ``offset`` is how many entries of the source's list stand on earlier pages, ``list_total`` how many stand on all.
    ``announced_on`` is the newest of the entries' own announcement days, never the day the feed was made.
    """

    kind: str  # one of digest.ingest.parsers.KINDS
    name: str  # how a curator would call the source: "arXiv cs.LG", "Hugging Face daily papers"
    url: str  # the source's own address, "" where the body names none
    entries: tuple[Entry, ...]
    stated_total: int | None = None
    offset: int = 0
    list_total: int | None = None
    announced_on: date | None = None
    refused: tuple[Refused, ...] = field(default=())
    notices: tuple[Notice, ...] = field(default=())  # what its items say of works that were taken back
    notes: tuple[str, ...] = field(default=())  # "cut in the middle: the last entry was dropped"

    @property
    def expected(self) -> int:
        """Return how many papers this reading should give."""
        shown = len(self.entries) + sum(refused.is_work for refused in self.refused)
        return shown if self.stated_total is None else self.stated_total


def assemble(
    found: Iterable[Entry | Refused],
    *,
    kind: str,
    name: str,
    url: str,
    notes: list[str],
    stated_total: int | None = None,
    offset: int = 0,
    list_total: int | None = None,
    garbled: str = "",
) -> Feed:
    """Return the feed of what a reader found: each work once, nothing unreadable, every refusal counted.

    ``notes`` may still grow while ``found`` is consumed. ``garbled`` says why some bytes of the body could not be
    decoded, "" when all could; entries that such bytes fell on are refused. Raises SourceUnreadable when nothing
    else is left of a garbled body, and for more than MAX_ENTRIES.
    """
    good: list[Entry] = []
    refused: list[Refused] = []
    notices: list[Notice] = []
    for number, thing in enumerate(found):
        if number >= MAX_ENTRIES:
            raise SourceUnreadable(ErrorKind.TOO_LARGE, f"more than {MAX_ENTRIES:,} entries")
        if isinstance(thing, Refused):
            refused.append(thing)
        elif why := _flaw(thing, garbled):
            refused.append(Refused(what=shorten_text(thing.title or thing.identifiers[0]), why=why))
        elif why := why_no_work(thing.title, thing.abstract):
            refused.append(Refused(what=shorten_text(thing.title), why=why, is_work=False))
            notices.extend(filter(None, [notice_in(thing)]))
        else:
            good.append(thing)
    kept, again = tell_apart(good, kind=kind, better=_better)
    refused.extend(
        Refused(what=shorten_text(entry.title or entry.identifiers[0]), why="listed twice") for entry in again
    )
    if garbled and not kept:
        raise SourceUnreadable(ErrorKind.UNDECODABLE, garbled)
    if any(len(entry.abstract) > MAX_ABSTRACT for entry in kept):
        notes.append(f"abstracts longer than {MAX_ABSTRACT:,} characters were cut")
    if garbled:
        notes.append(garbled)
    return Feed(
        kind=kind,
        name=plain(name)[:200],
        url=url,
        entries=tuple(_bounded(entry) for entry in kept),
        stated_total=stated_total,
        offset=offset,
        list_total=list_total,
        announced_on=max((entry.announced_on for entry in kept if entry.announced_on), default=None),
        refused=tuple(refused),
        notices=tuple(notices[:MAX_NOTICES]),
        notes=tuple(dict.fromkeys(notes))[:MAX_NOTES],
    )


def plain(value: object) -> str:
    """Return text without characters that no database stores; ``""`` for anything but text."""
    return _UNSTORABLE.sub("", value).strip() if isinstance(value, str) else ""


def shorten_text(text: str, *, width: int = 80) -> str:
    """Return the beginning of a text on one line, by which a person recognises it."""
    line = " ".join(plain(text[: width * 4]).split())
    return line if len(line) <= width else line[: width - 1] + "…"


def web_address(value: object) -> str:
    """Return a link that may be shown to readers, or ``""``: http and https only."""
    link = plain(value)
    return link if len(link) <= 2000 and re.match(r"https?://[^\s/]", link, re.I) and not re.search(r"\s", link) else ""


def count_of(value: object) -> int | None:
    """Return a number of votes, stars or entries, given as a number or as digits; None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None


def _flaw(entry: Entry, garbled: str) -> str:
    if not entry.title and not entry.withdrawn:
        return "no title"
    if len(entry.title) > MAX_TITLE:
        return f"its title is longer than {MAX_TITLE:,} characters"
    if garbled and (_REPLACEMENT in entry.title or _REPLACEMENT in entry.abstract):
        return "its text has bytes that cannot be decoded"
    return ""


def _better(one: Entry, other: Entry) -> Entry:
    """Return the later version, else the one with more votes; a work that is new in either is new."""
    best = max(one, other, key=lambda entry: (entry.version, entry.points or 0))
    return dataclasses.replace(best, announced=NEW) if NEW in (one.announced, other.announced) else best


def _bounded(entry: Entry) -> Entry:
    if len(entry.abstract) <= MAX_ABSTRACT and len(entry.authors) <= MAX_AUTHORS:
        return entry
    return dataclasses.replace(entry, abstract=entry.abstract[:MAX_ABSTRACT], authors=entry.authors[:MAX_AUTHORS])
