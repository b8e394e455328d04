"""Preview and add a source from a pasted address; rename, switch and remove sources."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urljoin, urlsplit

from django.db import IntegrityError, transaction

from digest.ingest import arxiv_calendar, http, parsers
from digest.ingest.entry import Entry
from digest.ingest.http.request import address
from digest.ingest.http.ssrf_guard import NoAnswer
from digest.ingest.parser_process import ParserProcess
from digest.ingest.parsers import (
    Feed,
    Refused,
    SourceUnreadable,
    arxiv_api,
    arxiv_rdf,
    arxiv_rss,
    biorxiv_api,
    hugging_face,
    journal,
)
from digest.ingest.parsers.dates import not_ahead
from digest.ingest.parsers.taxonomy import CATEGORIES
from digest.ingest.sources.advice import advice_for, explain
from digest.ingest.store import clean_entries
from digest.models import Source
from digest.source_errors import ErrorKind

PATIENCE = http.Limits(connect=5, read=10, total=20, wait=8)  # somebody waits at the page
LONGEST_ADDRESS, LONGEST_NAME = 500, 200  # characters, as wide as the columns
MOST_OFFERED = 5  # feeds of a page that is none
LOOKED_THROUGH = 200_000  # bytes of such a page

ARCHIVES = {category.partition(".")[0].lower() for category in CATEGORIES}
_CATEGORY = {category.lower(): category for category in CATEGORIES} | {archive: archive for archive in ARCHIVES}
_LINK = re.compile(r"<link\b[^>]{0,2000}>", re.I)
_ATTRIBUTE = re.compile(r"""\b(rel|type|href|title)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.I)
_FEED_TYPE = re.compile(r"application/(?:rss|atom|rdf)\+xml", re.I)
_API_DAYS = re.compile(r"(/details/(?:bio|med)rxiv)(?:/.*)?$", re.I)


class CannotAdd(Exception):
    """With a sentence for the curator; ``feeds`` are addresses to try instead, each with a name."""

    def __init__(self, sentence: str, feeds: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(sentence)
        self.feeds = feeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The papers at an address, cleaned as they would be stored; ``left_out`` says why, how many, and names one."""

    url: str
    kind: str
    name: str
    entries: tuple[Entry, ...]
    left_out: tuple[tuple[str, int, str], ...]
    notes: tuple[str, ...]
    why_none: str = ""  # of arXiv on a day without announcement: an empty feed is right then


def look_at(typed: str, *, now: datetime) -> Look:
    """Ask a pasted address what it shows, and write nothing; raises CannotAdd.

    It asks another host, in its turn, so it may take half a minute and may not be called within a transaction.
    """
    url = address_of(typed)
    refuse_known(url)
    fetched = http.get(url, now=now, limits=PATIENCE)
    if fetched.status != "fresh":
        kind = fetched.error_kind or ErrorKind.OTHER
        raise CannotAdd(f"{explain(kind, detail=fetched.error)} {advice_for(kind)}")
    try:
        with ParserProcess() as parser:
            feed = parser.read(fetched.body)
    except SourceUnreadable as error:
        raise _not_a_feed(url, fetched.body, error) from None
    kept = address_to_store(url, feed.kind)
    for one in {kept, feed.url} - {url, ""}:
        refuse_known(one)
    return _looked(kept, feed, now=now)


def look_at_file(body: bytes, name: str, *, now: datetime) -> Look:
    """Return what a given file shows; asks no host and writes nothing. Raises CannotAdd.

    ``url`` of the result is the address that the file gives as its own, if any.
    """
    try:
        with ParserProcess() as parser:
            feed = parser.read(body)
    except SourceUnreadable as error:
        raise CannotAdd(f"{explain(error.kind, detail=error.detail)} Choose a saved feed: RSS, Atom or JSON.") from None
    return _looked(feed.url, replace(feed, name=feed.name or name), now=now)


def _looked(url: str, feed: Feed, *, now: datetime) -> Look:
    entries, unclean = clean_entries(not_ahead(feed, now).entries)
    left_out = _counted([*feed.refused, *unclean])
    why_none = arxiv_calendar.why_none(now.date()) if feed.kind == arxiv_rss.KIND else ""
    if not entries and left_out:
        why, count, example = left_out[0]
        raise CannotAdd(f"None of its entries can be used: {why} ({count} of them, such as “{example}”).")
    if not (entries or why_none):
        raise CannotAdd("It is a feed, but there is no paper in it now. Try again when its site has something new.")
    name = (feed.name or urlsplit(url).hostname or url)[:LONGEST_NAME]
    return Look(
        url=url,
        kind=feed.kind,
        name=name,
        entries=tuple(entries),
        left_out=left_out,
        notes=feed.notes,
        why_none="" if entries else why_none,
    )


def _counted(refused: list[Refused]) -> tuple[tuple[str, int, str], ...]:
    counts = Counter(one.why for one in refused)
    return tuple(
        (why, count, next(one.what for one in refused if one.why == why)) for why, count in counts.most_common(10)
    )


# --- addresses -------------------------------------------------------------------------------------------------------


def address_of(typed: str) -> str:
    """Return the web address behind what was typed: a bare arXiv category is its feed's; raises CannotAdd."""
    text = "".join(typed.split())
    if not text:
        raise CannotAdd("Paste the address of a feed, or type an arXiv category such as cs.LG.")
    if names := _categories(text):
        return f"https://rss.arxiv.org/rss/{'+'.join(names)}"
    if "://" not in text:
        text = f"https://{text}"
    text = text.partition("#")[0]
    if len(text) > LONGEST_ADDRESS:
        raise CannotAdd(f"The address is longer than {LONGEST_ADDRESS} characters: paste the address of the feed only.")
    try:
        return str(address(text))
    except NoAnswer as error:
        raise CannotAdd(
            f"{explain(error.kind, detail=error.detail)} Paste it as your browser shows it, such as https://example.org/feed.xml."
        ) from None


def _categories(text: str) -> list[str]:
    """Return the names of arXiv's categories or archives, where nothing else was typed; raises CannotAdd for a wrong
    one.
    """
    names = re.split(r"[+,;]", text.lower())
    if all(name in _CATEGORY for name in names):
        return list(dict.fromkeys(_CATEGORY[name] for name in names))
    if all(re.fullmatch(r"[a-z-]+(\.[a-z-]+)?", name) and name.partition(".")[0] in ARCHIVES for name in names):
        wrong = next(name for name in names if name not in _CATEGORY)
        raise CannotAdd(f"arXiv has no category {wrong}: check it on arxiv.org/category_taxonomy.")
    return []


def address_to_store(url: str, kind: str) -> str:
    """Return the address as the source's row stores it: without the day, if each reading asks for its own day."""
    if kind == hugging_face.KIND:
        return url.partition("?")[0]
    return _API_DAYS.sub(r"\1", url) if kind == biorxiv_api.KIND else url


def kinds_that_fit(kind: str) -> tuple[str, ...]:
    """Return the kinds that a feed which was found to be of this one may be kept as; each kind is asked at its own
    times.
    """
    is_feed = kind in (arxiv_rss.KIND, arxiv_rdf.KIND, arxiv_api.KIND)
    return (kind, journal.KIND) if is_feed else (kind,)


def refuse_known(url: str) -> None:
    """Raise CannotAdd if a source has this address, however it is written."""
    for source in Source.objects.only("name", "url", "active"):
        if same_address(source.url) == same_address(url):
            state = "" if source.active else ", switched off: switch it on there"
            raise CannotAdd(f"It is here already, as “{source.name}”{state}.")


def same_address(url: str) -> str:
    """Return the address without scheme, case of the host and final slash, which make no difference."""
    try:
        parts = urlsplit(url)
        host = (parts.netloc or "").lower()
    except ValueError:
        return url
    return f"{host}{parts.path.rstrip('/')}?{parts.query}" if host else url


def _not_a_feed(url: str, body: bytes, error: SourceUnreadable) -> CannotAdd:
    """Return the error for a body that is not a feed; for a web page, with the feeds that it names."""
    begin = body[:LOOKED_THROUGH].decode("utf-8", "replace")
    if not re.search(r"<html\b|<!doctype html", begin[:5000], re.I):
        return CannotAdd(f"{explain(error.kind, detail=error.detail)} {advice_for(error.kind)}")
    feeds = tuple(dict(_feeds_named_in(begin, url)).items())[:MOST_OFFERED]
    what_now = "It names the feeds below: take one of them." if feeds else advice_for(error.kind)
    return CannotAdd(f"This is a web page, not a feed. {what_now}", feeds)


def _feeds_named_in(page: str, base: str) -> Iterator[tuple[str, str]]:
    """Return address and name of each feed that a page's head names; only web addresses that may be asked."""
    for link in _LINK.findall(page):
        said = {name.lower(): html.unescape(a or b or c) for name, a, b, c in _ATTRIBUTE.findall(link)}
        if "alternate" not in said.get("rel", "").lower().split() or not _FEED_TYPE.search(said.get("type", "")):
            continue
        try:
            found = str(address(urljoin(base, said.get("href", "").strip())))
        except (NoAnswer, ValueError):
            continue
        if len(found) <= LONGEST_ADDRESS:
            yield found, " ".join(said.get("title", "").split())[:100] or found


# --- what is kept ----------------------------------------------------------------------------------------------------


def add(*, url: str, kind: str, name: str) -> Source:
    """Add a source that is read from now on; raise CannotAdd, also if somebody else was quicker."""
    if kind not in parsers.KINDS:
        raise CannotAdd("Choose one of the kinds in the list.")
    refuse_known(url)
    try:
        with transaction.atomic():
            return Source.objects.create(url=url, kind=kind, name=usable_name(name))
    except IntegrityError:
        raise CannotAdd("It is here already: somebody added it just now.") from None


def rename(source: Source, name: str) -> None:
    """Give a source another name; raises CannotAdd for one that cannot be told from another's."""
    source.name = usable_name(name, besides=source)
    source.save(update_fields=["name"])


def usable_name(typed: str, *, besides: Source | None = None) -> str:
    """Return the name on one line; raise CannotAdd if another source has it."""
    name = " ".join("".join(c if c.isprintable() else " " for c in typed).split())
    if not name:
        raise CannotAdd("Give it a name: readers see it where their papers come from.")
    if len(name) > LONGEST_NAME:
        raise CannotAdd(f"The name is {len(name):,} characters long: shorten it to {LONGEST_NAME}.")
    others = Source.objects.filter(name__iexact=name)
    if (others.exclude(pk=besides.pk) if besides else others).exists():
        raise CannotAdd(f"Another source is called “{name}” already: give this one a name of its own.")
    return name


def switch(source: Source, *, on: bool) -> bool:
    """Ask a source from now on, or no more; False where it was so already."""
    changed = Source.objects.filter(pk=source.pk, active=not on).update(active=on, next_check_at=None)
    return bool(changed)


def remove(source: Source) -> None:
    """Forget a source that never showed a paper; raises CannotAdd for any other."""
    if source.sightings.exists():
        raise CannotAdd("Papers came from it, and their pages say so: switch it off instead.")
    source.delete()
