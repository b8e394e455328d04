"""Any other RSS, Atom or RDF feed of papers: journals, bioRxiv and medRxiv, and digests that link to arXiv."""

from __future__ import annotations

import html
import re

from digest.entry import Entry, canonical_identifier, title_identifier, version_of
from digest.sources import arxiv
from digest.sources.authors import in_reading_order, one_string
from digest.sources.feed import MAX_ABSTRACT, Feed, Refused, assemble, count_of, plain, shortened, web_address
from digest.sources.syndication import Item, Syndicated, link_to, listed, moment, parse, said

KIND = "journal"
MAX_CATEGORIES, MAX_CATEGORY = 20, 100  # of an item; characters

_PREPRINT_SUBJECT = re.compile(r"((?:bio|med)Rxiv) Subject Collection: (.{1,100})")
_LABEL = re.compile(r"\s*<b>(Authors|Upvotes|Summary):</b>\s*")


def read(body: bytes) -> Feed:
    """One reading of a feed that is none of arXiv's own.

    A DOI (dc:identifier, prism:doi, the guid or a doi.org link) or an arXiv id in the link comes first among the
    identifiers, the link itself after it. ``published`` and ``announced_on`` (UTC) are the item's own date. Votes,
    authors and summary are read where a digest writes them into the description (``<b>Upvotes:</b> 52``).
    Raises SourceUnreadable.
    """
    return from_feed(parse(body))


def from_feed(feed: Syndicated) -> Feed:
    """What a parsed feed holds."""
    notes = list(feed.markup.notes)
    name, url = _source_of(feed)
    return assemble(
        (*feed.markup.refused, *(_entry(item, notes) for item in feed.items)),
        kind=KIND,
        name=name,
        url=url,
        notes=notes,
        garbled=feed.markup.garbled,
    )


def _source_of(feed: Syndicated) -> tuple[str, str]:
    own = web_address(link_to(feed.channel, "self"))
    if match := _PREPRINT_SUBJECT.fullmatch(feed.title):
        server, subject = match[1].lower(), re.sub(r"\W+", "_", match[2].lower())
        # its channel links to the server only, which all its subjects share
        return f"{match[1]}: {match[2]}", own or f"https://connect.{server}.org/{server}_xml.php?subject={subject}"
    return feed.title, own or web_address(said(feed.channel, "link"))


def _entry(item: Item, notes: list[str]) -> Entry | Refused:
    title = said(item, "title", "dc_title")
    given_link, guid = said(item, "link"), said(item, "id")
    link = web_address(given_link) or web_address(guid)
    if not title:
        return Refused(what=shortened(link or guid or "an item without anything to call it by"), why="no title")
    identifiers, version = _identifiers(item, link, guid)
    if not identifiers and not link:
        return Refused(what=shortened(title), why="its link is no web address" if given_link or guid else "no link")
    summary = said(item, "summary") or next(listed(item, "content", "value"), "")
    labelled = _labelled(summary[: 2 * MAX_ABSTRACT])
    abstract = labelled.get("Summary", summary)
    published = moment(item, notes, "published", "updated", "prism_publicationdate", "created")
    names = tuple(listed(item, "authors", "name"))
    return Entry(
        identifiers=identifiers or (title_identifier(title),),
        title=title,
        abstract=abstract,
        authors=one_string(names[0] if names else labelled.get("Authors", ""))
        if len(names) < 2
        else tuple(map(in_reading_order, names)),
        categories=tuple(dict.fromkeys(term for term in listed(item, "tags", "term") if len(term) <= MAX_CATEGORY))[
            :MAX_CATEGORIES
        ],
        url=link or _page_of(identifiers[0]),
        published=published,
        announced_on=published.date() if published else None,
        version=version,
        withdrawn=arxiv.says_withdrawn(abstract=abstract, title=title),
        points=count_of(labelled.get("Upvotes")),
    )


def _identifiers(item: Item, link: str, guid: str) -> tuple[tuple[str, ...], int]:
    """Every name the item gives, works' own names before addresses, and the version that a preprint's link ends in."""
    given = [said(item, key) for key in ("prism_doi", "dc_identifier", "_doi")] + [link, guid]
    names = dict.fromkeys(filter(None, map(canonical_identifier, given)))
    ranked = sorted(names, key=lambda name: ("arxiv:", "doi:", "url:").index(name[: name.index(":") + 1]))
    versioned = bool(ranked) and ranked[0].startswith(("arxiv:", "doi:10.1101/", "doi:10.64898/"))
    return tuple(ranked), version_of(link.partition("?")[0].removesuffix(".full")) if versioned else 1


def _labelled(summary: str) -> dict[str, str]:
    """What stands after ``<b>Authors:</b>`` and the like, where a description is made of such paragraphs."""
    parts = {}
    for paragraph in summary.split("<p>") if "<b>" in summary else ():
        if match := _LABEL.match(paragraph):
            parts[match[1]] = plain(paragraph[match.end() :].strip().removesuffix("</p>"))
    if "Authors" in parts:
        parts["Authors"] = html.unescape(parts["Authors"])
    return parts


def _page_of(identifier: str) -> str:
    scheme, _, name = identifier.partition(":")
    return {"arxiv": "https://arxiv.org/abs/", "doi": "https://doi.org/"}.get(scheme, "https://") + name
