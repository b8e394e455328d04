"""Any other RSS, Atom or RDF feed of papers: journals, bioRxiv and medRxiv, and digests that link to arXiv."""

from __future__ import annotations

import re
from itertools import islice

from digest.ingest.entry import Entry, canonical_identifier, title_identifier, version_of
from digest.ingest.parsers import arxiv
from digest.ingest.parsers.authors import authors_of
from digest.ingest.parsers.feed import MAX_ABSTRACT, Feed, Refused, assemble, count_of, plain, shorten_text, web_address
from digest.ingest.parsers.syndication import Item, Syndicated, first_text, link_to, moment, parse, texts_of

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
    return feed.title, own or web_address(first_text(feed.channel, "link"))


def _entry(item: Item, notes: list[str]) -> Entry | Refused:
    title = first_text(item, "title", "dc_title")
    given_link, guid = first_text(item, "link"), first_text(item, "id")
    link = web_address(given_link) or web_address(guid)
    if not title:
        return Refused(what=shorten_text(link or guid or "an item without anything to call it by"), why="no title")
    identifiers, version = _identifiers(item, link, guid)
    if not identifiers and not link:
        return Refused(what=shorten_text(title), why="its link is no web address" if given_link or guid else "no link")
    summary = first_text(item, "summary") or next(texts_of(item, "content", "value"), "")
    labelled = _labelled(summary[: 2 * MAX_ABSTRACT])
    abstract = labelled.get("Summary", summary)
    published = moment(item, notes, "published", "updated", "prism_publicationdate", "created")
    names = list(texts_of(item, "authors", "name")) or [first_text(item, "author") or labelled.get("Authors", "")]
    terms = (term for term in texts_of(item, "tags", "term") if len(term) <= MAX_CATEGORY)
    return Entry(
        identifiers=identifiers or (title_identifier(title),),
        title=title,
        abstract=abstract,
        authors=authors_of(names),
        categories=tuple(islice(dict.fromkeys(terms), MAX_CATEGORIES)),
        url=_page_of(identifiers, link),
        published=published,
        announced_on=published.date() if published else None,
        version=version,
        withdrawn=arxiv.says_withdrawn(abstract=abstract, title=title),
        points=count_of(labelled.get("Upvotes")),
    )


def _identifiers(item: Item, link: str, guid: str) -> tuple[tuple[str, ...], int]:
    """Every name the item gives, works' own names before addresses, and the version that a preprint's link ends in."""
    given = [first_text(item, "prism_doi"), first_text(item, "dc_identifier"), first_text(item, "_doi"), link]
    if ":" in guid or guid.startswith("10."):  # a bare number is the journal's own, however much like an arXiv id
        given.append(guid)
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
    return parts


def _page_of(identifiers: tuple[str, ...], link: str) -> str:
    """arXiv's abstract page for its papers, whatever form of them is linked; else the link, else the DOI's."""
    if identifiers and identifiers[0].startswith("arxiv:"):
        return arxiv.page_of(identifiers)
    return link or "https://doi.org/" + identifiers[0].removeprefix("doi:")
