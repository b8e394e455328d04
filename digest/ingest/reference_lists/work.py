"""Define what reading a list of references returns, and the steps that all formats share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from digest.identifiers.canonical import canonical_identifier, title_identifier
from digest.ingest.parsers.dates import date_of
from digest.ingest.parsers.feed import plain, shorten_text
from digest.text import clean, clean_abstract, visible

MOST_WORKS = 500  # of one list; the newest
MOST_READ = 50_000  # entries of one list
MOST_UNREAD = 100  # that are named; all are counted
MOST_NAMES = 8  # of one work
LONGEST_TITLE = 500  # characters
LONGEST_ABSTRACT = 6000  # characters; the rest is cut
_IDENTIFIED = ("arxiv:", "doi:", "pmid:")
_NAMED_IN_TEXT = re.compile(
    r"\barxiv\s*:\s*(?P<arxiv>(?:\d{4}\.\d{4,5}|[a-z-]{2,9}(?:\.[a-z-]{2,9})?/\d{7})(?:v\d+)?)"
    r"|\b(?P<doi>10\.\d{4,9}/[^\s\"<>{}|\\^`]+)"
    # bounded, since a run of blanks would be tried from each of its places
    r"|\bpmid\s{0,9}:?\s{0,9}(?P<pmid>\d{1,9})\b"
    r"|(?P<link>https?://[^\s\"<>{}|\\^`]+)",
    re.I,
)


class Flaw(StrEnum):
    """Reasons why an entry of a list is not read."""

    BROKEN = "broken"
    NO_TITLE = "no_title"
    TOO_LONG = "too_long"
    GARBLED = "garbled"
    OUTSIDE = "outside"
    LIBRARY = "library"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawWork:
    """A work as a format's reader found it: its text uncleaned, all that may name it, its dates as they are written.

    ``added`` is when it came into the library, empty where the format does not say. ``label`` is the list's own name
    of it.
    """

    title: str
    abstract: str = ""
    names: tuple[str, ...] = ()
    added: str = ""
    published: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """An entry that is not read: by what a person recognises it, and why."""

    what: str
    flaw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedWork:
    """A work of a list, cleaned. ``names`` are canonical identifiers; ``title`` is empty if only they are given.

    ``added`` is the day on which it came into the library (ISO 8601), else empty.
    """

    title: str
    abstract: str
    names: tuple[str, ...]
    added: str = ""

    @property
    def name(self) -> str:
        """Return the one name that tells it from others in a list."""
        return _key(self.title, self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceList:
    """The newest works of a list, newest first; ``total`` counts all that could be read, each once.

    Newest is what was added last, else published last, else stands first in the list. ``entries`` counts all that the
    list holds, with what is no work (notes, files).
    """

    format: str
    works: tuple[ListedWork, ...]
    total: int
    unread: tuple[Unread, ...] = ()
    unread_total: int = 0
    is_cut: bool = False
    entries: int = 0


def assemble(
    found: Iterable[RawWork | Unread], *, format: str, is_cut: bool = False, entries: int = 0
) -> ReferenceList:
    """Return the newest works of what a reader found, cleaned, each once."""
    dated: dict[str, tuple[str, RawWork, tuple[str, ...]]] = {}
    unread: list[Unread] = []
    for number, one in enumerate(found):
        if number == MOST_READ:
            is_cut = True
            break
        if isinstance(one, RawWork):
            names = names_of(one.names)
            if flaw := _flaw(one, names):
                what = one.title or " ".join(one.names) or one.label or f"#{number + 1}"
                unread.append(Unread(what=what, flaw=flaw))
            else:
                key = _key(one.title[:LONGEST_TITLE], names)
                dated.setdefault(key, (_day(one.added) or _day(one.published), one, names))
        else:
            unread.append(one)
    newest = sorted(dated.values(), key=lambda item: item[0], reverse=True)[:MOST_WORKS]
    cleaned = [_cleaned(one, names) for _, one, names in newest]
    works = {work.name: work for work in reversed(cleaned) if work.title or work.names}
    return ReferenceList(
        format=format,
        works=tuple(reversed(works.values())),
        total=len(dated),
        unread=tuple(Unread(what=_shown(one.what), flaw=one.flaw) for one in unread[:MOST_UNREAD]),
        unread_total=len(unread),
        is_cut=is_cut,
        entries=entries or len(dated) + len(unread),
    )


def names_of(candidates: Iterable[str]) -> tuple[str, ...]:
    """Return the canonical identifiers of ids, DOIs and addresses, those of registries before addresses."""
    found = [name for one in candidates if (name := canonical_identifier(plain(one)))]
    ordered = [name for name in found if name.startswith(_IDENTIFIED)] + [name for name in found if name[:4] == "url:"]
    return tuple(dict.fromkeys(ordered))[:MOST_NAMES]


def names_in(text: str) -> Iterator[str]:
    """Find arXiv ids, DOIs, PMIDs and addresses in a line of text, as people note them next to a title."""
    for match in _NAMED_IN_TEXT.finditer(text[:2000]):
        kind, value = match.lastgroup or "", match[0].rstrip(".,;)]")
        yield value if kind in ("doi", "link") else f"{kind}:{match[kind]}"


def without_names(text: str) -> str:
    """Return a line without what :func:`names_in` finds in it."""
    return _NAMED_IN_TEXT.sub(" ", text).strip(" ,;:.()[]–—-")


def pubmed(number: str) -> str:
    """Return a PubMed number with its scheme, ``""`` for none."""
    return f"pmid:{number.strip()}" if number.strip() else ""


def _key(title: str, names: tuple[str, ...]) -> str:
    """Return a registry's identifier, else that of the title, else an address, which may be that of several works."""
    return names[0] if names and (names[0].startswith(_IDENTIFIED) or not title) else title_identifier(title)


def _flaw(one: RawWork, names: tuple[str, ...]) -> Flaw | None:
    if not any(map(str.isalpha, one.title)):
        return None if names else Flaw.NO_TITLE
    if len(one.title) > LONGEST_TITLE and not names:
        return Flaw.TOO_LONG
    return Flaw.GARBLED if "\N{REPLACEMENT CHARACTER}" in one.title and not names else None


def _shown(text: str) -> str:
    """Return the beginning of a raw text without what acts on a terminal or turns the direction of a line."""
    return shorten_text(visible(text[:400]))


def _day(text: str) -> str:
    given = date_of(text, []) if text else None
    return given.at.date().isoformat() if given else ""


def _cleaned(one: RawWork, names: tuple[str, ...]) -> ListedWork:
    return ListedWork(
        title=clean(plain(one.title))[:LONGEST_TITLE],
        abstract=clean_abstract(plain(one.abstract)[: 2 * LONGEST_ABSTRACT])[:LONGEST_ABSTRACT],
        names=names,
        added=_day(one.added),
    )
