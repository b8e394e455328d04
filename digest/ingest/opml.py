"""Read and write lists of feeds as feed readers exchange them (OPML 2.0)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from digest.ingest.parsers import SourceUnreadable
from digest.ingest.parsers.body import open_text
from digest.ingest.parsers.feed import plain, shorten_text, web_address
from digest.source_errors import ErrorKind

MAX_FEEDS = 500
MAX_DEPTH = 50  # of folders
CUT = "The file is damaged: what stands before the damage was read."
TOO_MANY = f"The file lists more than {MAX_FEEDS} feeds: the others were left out."
UNUSABLE = "Addresses that are no web addresses were left out: {count}, the first “{first}”."
_FEED_SCHEME = re.compile(r"\Afeed:(?://)?(https?://)?", re.I)  # feed://example.org/rss, feed:https://example.org/rss


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLink:
    """A feed as a list names it; ``name`` may be empty."""

    url: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedList:
    """The feeds of a file in its order, each address once; ``notes`` say what is missing."""

    feeds: tuple[FeedLink, ...]
    notes: tuple[str, ...] = ()


class _Enough(Exception):
    pass


def read(body: bytes) -> FeedList:
    """Return the feeds that an OPML file names. Raises SourceUnreadable for what is no OPML, or names none."""
    outlines = _Outlines()
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler, parser.EndElementHandler = outlines.start, outlines.end
    parser.StartDoctypeDeclHandler = _refuse
    notes = []
    try:
        # without the declaration, which may name the encoding that was decoded already
        parser.Parse(_without_declaration(open_text(body).text).encode("utf-8", "replace"), True)
    except _Enough:
        notes.append(TOO_MANY)
    except expat.ExpatError as error:
        if not outlines.feeds:
            raise SourceUnreadable(ErrorKind.MALFORMED, f"OPML, line {error.lineno}") from None
        notes.append(CUT)
    if outlines.unusable:
        notes.append(UNUSABLE.format(count=len(outlines.unusable), first=shorten_text(outlines.unusable[0])))
    if not outlines.feeds:
        raise SourceUnreadable(ErrorKind.EMPTY, "an OPML file without feeds")
    return FeedList(feeds=tuple(outlines.feeds.values()), notes=tuple(notes))


def write(feeds: Iterable[FeedLink]) -> str:
    """Return an OPML file that names these feeds."""
    lines = (
        f"    <outline type={quoteattr('rss')} text={quoteattr(feed.name)} xmlUrl={quoteattr(feed.url)}/>"
        for feed in feeds
    )
    return "\n".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<opml version="2.0">',
            "  <head><title>Broadsheet</title></head>",
            "  <body>",
            *lines,
            "  </body>",
            "</opml>",
            "",
        )
    )


class _Outlines:
    def __init__(self) -> None:
        self.feeds: dict[str, FeedLink] = {}
        self.unusable: list[str] = []
        self.depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self.depth and name.lower() != "opml":
            raise SourceUnreadable(ErrorKind.UNKNOWN_FORMAT, f"it begins with <{shorten_text(name, width=40)}>")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise SourceUnreadable(ErrorKind.MALFORMED, f"more than {MAX_DEPTH} folders in each other")
        said = {key.lower(): value for key, value in attributes.items()}
        given = plain(said.get("xmlurl"))
        url = web_address(_FEED_SCHEME.sub(lambda match: match[1] or "https://", given, count=1))
        if name.lower() == "outline" and given and not url:
            self.unusable.append(given)
        elif name.lower() == "outline" and url and url not in self.feeds:
            if len(self.feeds) == MAX_FEEDS:
                raise _Enough
            title = plain(said.get("title")) or plain(said.get("text"))
            self.feeds[url] = FeedLink(url=url, name=shorten_text(title, width=200))

    def end(self, name: str) -> None:
        self.depth -= 1


def _refuse(*_: object) -> None:
    raise SourceUnreadable(ErrorKind.MALFORMED, "it declares a document type of its own (DTD)")


def _without_declaration(text: str) -> str:
    return text.partition("?>")[2].lstrip() if text.startswith("<?xml") else text
