"""Read RSS, Atom and RDF feeds by feedparser, from markup that is known to be sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any
from xml.parsers import expat

import feedparser

from digest.ingest.entry import DAY
from digest.ingest.parsers.body import open_text
from digest.ingest.parsers.dates import Given, date_of
from digest.ingest.parsers.feed import SourceUnreadable, plain
from digest.ingest.parsers.xml_repair import Markup, well_formed
from digest.source_errors import ErrorKind

Item = dict[str, Any]  # feedparser's, of an item or of the channel; a hostile feed can put anything under any key


MAX_IDENTIFIERS = 20  # of an item


@dataclass(frozen=True, slots=True, kw_only=True)
class Syndicated:
    """A parsed feed: what stands in its head (``channel``), its ``items``, and the markup they came from."""

    channel: Item
    items: list[Item]
    markup: Markup

    @property
    def title(self) -> str:
        return first_text(self.channel, "title")


def parse(body: bytes) -> Syndicated:
    """Return the feed in a body. Raises SourceUnreadable when it holds none."""
    return parse_markup(well_formed(open_text(body)))


def parse_markup(markup: Markup) -> Syndicated:
    if markup.root == "OAI-PMH":
        raise SourceUnreadable(ErrorKind.UNKNOWN_FORMAT, "an OAI-PMH answer, not a feed")
    sound = b'<?xml version="1.0" encoding="utf-8"?>' + markup.text.encode("utf-8", "replace")
    try:
        parsed = feedparser.parse(  # never of str or bytes: it opens files and addresses that a body reads like
            BytesIO(sound),
            sanitize_html=False,  # text stays as the source wrote it: cleaning is done once, when papers are stored
            resolve_relative_uris=False,
            response_headers={"content-type": "application/xml; charset=utf-8"},
        )
    except MemoryError:  # the process is at its limit (digest/ingest/parser_process.py)
        raise
    except Exception as error:  # whatever odd markup makes of it, other sources go on
        raise SourceUnreadable(ErrorKind.MALFORMED, f"feedparser raised {type(error).__name__}") from error
    listed = _identifiers_in(sound)
    if len(listed) == len(parsed.entries):
        for item, given in zip(parsed.entries, listed, strict=True):
            if given and dict.get(item, "dc_identifier", given[-1]) == given[-1]:  # or another item's stand here
                item["dc_identifiers"] = [{"value": one} for one in given]
    return Syndicated(channel=parsed.feed, items=parsed.entries, markup=markup)


def _identifiers_in(sound: bytes) -> list[list[str]]:
    """Return the elements called ``identifier`` of each item, in order; feedparser keeps the last one only."""
    found: list[list[str]] = []
    pieces: list[str] | None = None

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal pieces
        local = name.rpartition(" ")[2].lower()
        if local in ("item", "entry"):
            found.append([])
        pieces = [] if local == "identifier" and found else None

    def end(name: str) -> None:
        nonlocal pieces
        if pieces is not None and len(found[-1]) < MAX_IDENTIFIERS:
            found[-1].append("".join(pieces).strip())
        pieces = None

    def characters(text: str) -> None:
        if pieces is not None:
            pieces.append(text)

    parser = expat.ParserCreate("utf-8", " ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = characters
    parser.Parse(sound, True)
    return found


def first_text(item: Item, *keys: str) -> str:
    """Return the first of these elements that says something; a key ``_doi`` stands for ``doi`` under any prefix."""
    for key in keys:
        names = [name for name in item if name.endswith(key)] if key.startswith("_") else [key]
        for name in names:
            if text := plain(dict.get(item, name)):
                return text
    return ""


def texts_of(item: Item, key: str, part: str) -> Iterator[str]:
    """Return one part (``term`` of ``tags``, ``name`` of ``authors``) of each thing in a list, those that say
    something.
    """
    things = dict.get(item, key)
    for thing in things if isinstance(things, list) else ():
        if isinstance(thing, dict) and (text := plain(thing.get(part))):
            yield text


def date_in(item: Item, notes: list[str], *keys: str) -> Given | None:
    """Return the first of these dates that gives a day, else the first that gives a month or year; each wrong one is
    noted.

    Read from the text: for a form that it does not know, feedparser 6.0.14 takes parts from the machine's clock.
    """
    given = [found for key in keys if (found := date_of(first_text(item, key), notes))]
    return next((one for one in given if one.precision == DAY), given[0] if given else None)


def moment(item: Item, notes: list[str], *keys: str) -> datetime | None:
    """Return the moment of :func:`date_in`, None where no day is given."""
    given = date_in(item, notes, *keys)
    return given.at if given and given.precision == DAY else None


def link_to(channel: Item, rel: str) -> str:
    """Return the channel's own link of one relation (``self``, ``alternate``)."""
    links = dict.get(channel, "links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == rel and (address := plain(link.get("href"))):
            return address
    return ""
