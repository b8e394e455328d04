"""Sources from a list of feeds, and the sources as such a list (OPML)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from digest.ingest import opml
from digest.ingest.opml import FeedLink
from digest.ingest.parsers import arxiv_api, arxiv_rss, biorxiv_api, hugging_face, journal
from digest.ingest.sources.add_source import CannotAdd, add, address_of, address_to_store, same_address
from digest.models import Source

KINDS_BY_ADDRESS = (  # host, how its path begins, kind
    ("arxiv.org", "/rss/", arxiv_rss.KIND),
    ("arxiv.org", "/atom/", arxiv_rss.KIND),
    ("arxiv.org", "/api/query", arxiv_api.KIND),
    ("huggingface.co", "/api/daily_papers", hugging_face.KIND),
    ("biorxiv.org", "/details/", biorxiv_api.KIND),
    ("medrxiv.org", "/details/", biorxiv_api.KIND),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A feed of a list as the source it would become; ``problem`` says why it cannot, empty where it can."""

    url: str
    name: str
    kind: str
    problem: str = ""


def offers(feeds: Iterable[FeedLink]) -> list[Offer]:
    """Return what the feeds of a list would become, in their order; nothing is fetched or written."""
    known = {same_address(source.url): source.name for source in Source.objects.only("url", "name")}
    made = []
    for feed in feeds:
        try:
            url, kind, problem = *_as_source(address_of(feed.url)), ""
        except CannotAdd as refusal:
            url, kind, problem = feed.url, journal.KIND, str(refusal)
        if name := known.get(same_address(url)):
            problem = _("It is here already, as “%(name)s”.") % {"name": name}
        known.setdefault(same_address(url), feed.name or url)
        made.append(Offer(url=url, name=feed.name or urlsplit(url).hostname or url, kind=kind, problem=problem))
    return made


def _as_source(url: str) -> tuple[str, str]:
    """Return the address and the kind of the source behind a feed's address, as its own readings would name them."""
    parts = urlsplit(url)
    for host, begin, kind in KINDS_BY_ADDRESS:
        if f".{parts.hostname}".endswith(f".{host}") and parts.path.startswith(begin):
            if kind == arxiv_rss.KIND:
                return f"https://rss.arxiv.org/rss/{parts.path.rpartition('/')[2]}", kind
            return address_to_store(url, kind), kind
    return url, journal.KIND


def take(chosen: Sequence[Offer]) -> tuple[list[Source], list[str]]:
    """Add these sources; return them, and a sentence for each that could not be added. They are read when due."""
    added, problems = [], []
    for offer in chosen:
        # feeds of one site often have one name
        for name in (offer.name, f"{offer.name[:90]} ({offer.url[:100]})"):
            try:
                added.append(add(url=offer.url, kind=offer.kind, name=name))
            except CannotAdd as refusal:
                problem = f"{offer.url}: {refusal}"
            else:
                break
        else:
            problems.append(problem)
    return added, problems


def export() -> str:
    """Return the sources that can be fetched as OPML."""
    fetched = Source.objects.exclude(url__startswith="file:")
    return opml.write(FeedLink(url=source.url, name=source.name) for source in fetched)
