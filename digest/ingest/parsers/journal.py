"""Read any other RSS, Atom or RDF feed of papers: journals, bioRxiv and medRxiv, digests that link to arXiv."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from digest.identifiers.canonical import LONGEST, canonical_identifier, title_identifier, version_of
from digest.identifiers.links import clean_link, link_name
from digest.ingest.entry import DAY, Entry
from digest.ingest.papers.identity import is_strong, rank
from digest.ingest.parsers import arxiv
from digest.ingest.parsers.authors import authors_of
from digest.ingest.parsers.dates import date_of
from digest.ingest.parsers.descriptions import Description, describe, is_teaser
from digest.ingest.parsers.feed import MAX_ABSTRACT, Feed, Refused, assemble, plain, shorten_text, web_address
from digest.ingest.parsers.retractions import says_withdrawn
from digest.ingest.parsers.syndication import Item, Syndicated, date_in, first_text, link_to, parse, texts_of

KIND = "journal"
DATES = ("published", "updated", "_publicationdate", "created", "_coverdate", "_coverdisplaydate")
MAX_CATEGORIES, MAX_CATEGORY = 20, 100  # of an item; characters
MAX_RELATED = 20  # links of an item

_PREPRINT_SUBJECT = re.compile(r"((?:bio|med)Rxiv) Subject Collection: (.{1,100})")
# no part of a title: a stage ("as soon as publishable"), or the place in a journal (Bees, Vol. 24, Pages 123: …)
_MARK = re.compile(r"\A(?:\[ASAP\]\s*|[^:]{2,80}, Vol\. \d{1,4}, (?:Pages?|Article) [\w\u2013-]{1,20}:\s+(?=\S))")
_SEVERAL = re.compile(r"[;|,]\s+")  # ISSN: 1234-5678; DOI: 10.5555/1
_BYLINE = re.compile(r"\s+--\s+by\s+(\S[^:]{1,1000})\Z")  # Title -- by Ann Lee, Bo Chen


def read(body: bytes) -> Feed:
    """Read a feed that is not one of arXiv's.

    A DOI (dc:identifier, prism:doi, the guid or a doi.org link) or an arXiv id in the link comes first among the
    identifiers, the link itself after it. ``published`` and ``announced_on`` (UTC) are the item's own date. Votes,
    authors and summary are read where a digest writes them into the description (``<b>Upvotes:</b> 52``).
    Raises SourceUnreadable.
    """
    return from_feed(parse(body))


def from_feed(feed: Syndicated) -> Feed:
    """Return the papers of a parsed feed."""
    notes = list(feed.markup.notes)
    name, url = _source_of(feed)
    journal = [feed.title, *feed.title.split(": ")]
    return assemble(
        (*feed.markup.refused, *(_entry(item, journal, notes) for item in feed.items)),
        kind=KIND,
        name=name,
        url=url,
        notes=notes,
        garbled=feed.markup.garbled,
    )


def _source_of(feed: Syndicated) -> tuple[str, str]:
    own = clean_link(web_address(link_to(feed.channel, "self")))
    if match := _PREPRINT_SUBJECT.fullmatch(feed.title):
        server, subject = match[1].lower(), re.sub(r"\W+", "_", match[2].lower())
        # its channel links to the server only, which all its subjects share
        return f"{match[1]}: {match[2]}", own or f"https://connect.{server}.org/{server}_xml.php?subject={subject}"
    return feed.title, own or clean_link(web_address(first_text(feed.channel, "link")))


def _entry(item: Item, journal: Sequence[str], notes: list[str]) -> Entry | Refused:
    title = _MARK.sub("", first_text(item, "title", "dc_title"), count=1)
    byline = _BYLINE.search(title)
    title = title[: byline.start()] if byline else title
    given_link, guid = first_text(item, "link"), first_text(item, "id")
    link = web_address(given_link) or web_address(guid)
    if not title:
        return Refused(what=shorten_text(link or guid or "an item without anything to call it by"), why="no title")
    identifiers, version = _identifiers(item, link, guid)
    if not identifiers and not link:
        return Refused(what=shorten_text(title), why="its link is no web address" if given_link or guid else "no link")
    names = (*journal, title, *(first_text(item, key) for key in ("_publicationname", "source", "dc_source")))
    listed = list(texts_of(item, "authors", "name")) or [first_text(item, "authors", "author")]
    authors = authors_of(listed) or authors_of([byline[1] if byline else ""])
    described = _described(item, names, authors)
    given = date_in(item, notes, *DATES) or date_of(described.date, notes)
    terms = (term for term in texts_of(item, "tags", "term") if len(term) <= MAX_CATEGORY)
    return Entry(
        identifiers=identifiers or (title_identifier(title),),
        title=title,
        guid=guid,
        related=_related(item),
        abstract=described.abstract,
        authors=authors or authors_of([described.authors]),
        categories=tuple(islice(dict.fromkeys(terms), MAX_CATEGORIES)),
        url=_page_of(identifiers, link),
        published=given.at if given else None,
        precision=given.precision if given else DAY,
        announced_on=given.at.date() if given and given.precision == DAY else None,
        version=version,
        withdrawn=says_withdrawn(abstract=described.abstract, title=title),
        points=described.votes,
    )


def _described(item: Item, names: Sequence[str], authors: Sequence[str]) -> Description:
    """Return the best of the item's descriptions: one with a headed abstract, else the first with any."""
    texts = dict.fromkeys(
        (first_text(item, "summary", "dcterms_abstract"), *islice(texts_of(item, "content", "value"), 5))
    )
    found = [describe(text[: 2 * MAX_ABSTRACT], names, authors) for text in texts]
    whole = [one.abstract for one in found]
    best = max(
        found,
        key=lambda one: (
            one.has_heading and bool(one.abstract),
            bool(one.abstract) and not is_teaser(one.abstract, whole),
        ),
    )
    best.authors = next((one.authors for one in found if one.authors), "")
    best.date = next((one.date for one in found if one.date), "")
    return best


def _identifiers(item: Item, link: str, guid: str) -> tuple[tuple[str, ...], int]:
    """Return every name of the item, a work's own names before addresses, and the highest version of the first."""
    given = [
        first_text(item, "prism_doi"),
        *(one for text in texts_of(item, "dc_identifiers", "value") for one in _SEVERAL.split(text[:LONGEST])),
        first_text(item, "dc_identifier"),
        first_text(item, "prism_url"),
    ]
    given += [first_text(item, "_doi"), link]
    if ":" in guid or guid.startswith("10."):  # a bare number is the journal's own, however much like an arXiv id
        given.append(guid)
    named = [(name, version_of(text)) for text in given if (name := canonical_identifier(text))]
    # a guid that is an address counts as a guid alone, where the item has a link beside it
    names = dict.fromkeys(name for name, _ in named if is_strong(name) or name == link_name(link) or not link)
    ranked = sorted(names, key=rank)
    return tuple(ranked), max((version for name, version in named if name == ranked[0]), default=1) if ranked else 1


def _related(item: Item) -> tuple[str, ...]:
    """Return the names of the works that an item is related to: a notice names so the work that it is about."""
    given = [first_text(item, "dc_relation"), first_text(item, "_relation"), first_text(item, "prism_iscorrectionof")]
    links = dict.get(item, "links")
    beside = [link for link in links[:MAX_RELATED] if isinstance(link, dict)] if isinstance(links, list) else []
    given += [plain(link.get("href")) for link in beside if link.get("rel") == "related"]
    return tuple(dict.fromkeys(name for name in given if name and len(name) <= LONGEST))


def _page_of(identifiers: tuple[str, ...], link: str) -> str:
    """Return arXiv's abstract page for its papers, whatever form of them is linked; else the link, else the DOI's."""
    if identifiers and identifiers[0].startswith("arxiv:"):
        return arxiv.page_of(identifiers)
    if link or not identifiers[0].startswith("pmid:"):
        return link or "https://doi.org/" + identifiers[0].removeprefix("doi:")
    return f"https://pubmed.ncbi.nlm.nih.gov/{identifiers[0].removeprefix('pmid:')}/"
