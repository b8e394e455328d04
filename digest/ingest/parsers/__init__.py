"""Parse what sources send: in, a body of bytes; out, a ``Feed`` of ``Entry``. One module a kind, each with ``read``."""

from __future__ import annotations

from digest.ingest.parsers import (
    arxiv_api,
    arxiv_oai,
    arxiv_rdf,
    arxiv_rss,
    biorxiv_api,
    hugging_face,
    journal,
    json_feed,
    seed_page,
    syndication,
)
from digest.ingest.parsers.body import MAX_BYTES, open_text
from digest.ingest.parsers.feed import Feed, Refused, SourceUnreadable
from digest.ingest.parsers.json_items import items_in
from digest.ingest.parsers.xml_repair import well_formed
from digest.source_errors import ErrorKind

__all__ = ["KINDS", "MAX_BYTES", "Feed", "Refused", "SourceUnreadable", "read"]

KINDS = {
    module.KIND: module.read
    for module in (
        arxiv_rss,
        arxiv_rdf,
        arxiv_api,
        arxiv_oai,
        hugging_face,
        biorxiv_api,
        journal,
        seed_page,
    )
}


def read(body: bytes) -> Feed:
    """Return the papers in a body of any known kind, recognised by its content, never by its name.

    Raises SourceUnreadable, with one sentence for a person, when no part of the body can be used; whatever is wrong
    with single entries is in ``refused`` and ``notes`` of the feed instead.
    """
    opened = open_text(body)
    if opened.text[0] in "[{":
        found = items_in(opened)
        if json_feed.recognises(found):
            return json_feed.from_items(found)
        if biorxiv_api.recognises(found):
            return biorxiv_api.from_items(found)
        if not hugging_face.recognises(found):
            raise SourceUnreadable(ErrorKind.UNKNOWN_FORMAT, "JSON of no known kind")
        return hugging_face.from_items(found)
    if opened.text[0] != "<":
        return seed_page.from_text(opened)
    markup = well_formed(opened)
    if markup.root == "OAI-PMH":
        return arxiv_oai.from_markup(markup)
    feed = syndication.parse_markup(markup)
    if arxiv_rdf.recognises(feed):  # asked first: its channel has the title of arxiv_rss
        return arxiv_rdf.from_feed(feed)
    if arxiv_rss.recognises(feed):
        return arxiv_rss.from_feed(feed)
    return arxiv_api.from_feed(feed) if arxiv_api.recognises(feed) else journal.from_feed(feed)
