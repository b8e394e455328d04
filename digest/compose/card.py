"""The card of a paper as every reader sees it, bounded and frozen when an edition opens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from markupsafe import escape

from digest.compose.phrases import join_words, plural, shorten
from digest.text import key_sentence, snippet, visible
from subscriptions.mail.marks import gettext as _
from subscriptions.mail.marks import ngettext
from subscriptions.mail.rendering import one_line

TITLE_LENGTH = 300
NAME_LENGTH = 80
SENTENCE_LENGTH = 300
ABSTRACT_LENGTH = 1500
OTHER_CATEGORIES = 3
# As written in HTML: a link cannot be folded, and no line may have more than 998 octets.
URL_OCTETS = 900
# Smaller counts mean little: most papers have a vote or two from their own authors.
WORTH_SAYING = {"upvote": 10, "comment": 5, "star": 20}
# More than three accents on one letter overlap the lines around it.
_ACCENT = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]"
_PILED_ACCENTS = re.compile(f"({_ACCENT}{{3}}){_ACCENT}+")
KNOWN_PART = {"day": 10, "month": 7, "year": 4}  # characters of an ISO date


# A named tuple is hashed faster than a dataclass, and facts are keys of a cache of reasons.
class Fact(NamedTuple):
    """A count from a source: 73, "upvote", "Hugging Face"."""

    number: int
    what: str  # in the singular
    where: str


class Link(NamedTuple):
    """An address about a paper, beside its page, and a key of LINKS."""

    kind: str
    url: str


# Kind of a link -> its words, and the fact that is told with it
LINKS = {
    "pdf": (_("PDF"), ""),
    "code": (_("Code"), "star"),
    "project": (_("Project"), ""),
    "discussion": (_("Discussion"), "comment"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A paper as every reader sees it; :func:`card_for` makes it and bounds every part.

    ``authors`` are the shown ones: all up to five, else the first three and the last, with ``more_authors`` left out
    between. ``sentence`` is the one of the abstract that says what was done or found, and ``abstract`` its beginning,
    in whole sentences. ``url`` is empty without a safe link. ``published`` is an ISO date, only ``2026-11`` or ``2026``
    where no more is known. ``also_in`` are the codes of further categories. A ``summary`` is shown instead of the
    sentence; ``summary_by`` names its source, and is empty for the operator's model. ``links`` are in the order of
    LINKS. ``page`` is the paper's name in the address of its page here.
    """

    identifier: str
    title: str
    authors: tuple[str, ...]
    more_authors: int
    url: str
    sentence: str
    source: str
    category: str
    category_name: str
    published: str | None
    facts: tuple[Fact, ...]
    also_in: tuple[str, ...] = ()
    abstract: str = ""
    summary: str = ""
    summary_by: str = ""
    links: tuple[Link, ...] = ()
    page: str = ""

    # A card is a key of caches, and dataclasses hash all fields each time.
    def __hash__(self) -> int:
        return hash(self.identifier)

    @property
    def summary_label(self) -> str:
        """Return who wrote the summary: ``Summary: Hugging Face``, ``Machine-written summary``."""
        return _("Summary: %(by)s") % {"by": self.summary_by} if self.summary_by else _("Machine-written summary")

    @property
    def named_links(self) -> tuple[tuple[str, str], ...]:
        """Return the words and the address of each link: ``Code (340 stars)``; a few comments are not counted."""
        facts = [fact for fact in self.facts if fact.what != "comment" or fact.number >= WORTH_SAYING["comment"]]
        counts = {fact.what: _counted(fact) for fact in facts}
        named = [(*LINKS[link.kind], link.url) for link in self.links if link.kind in LINKS]
        return tuple((f"{words} ({counts[what]})" if what in counts else words, url) for words, what, url in named)

    @property
    def byline(self) -> str:
        """Return the authors on one line: ``A, B, C … Z (+12)``."""
        if not self.more_authors:
            return ", ".join(self.authors)
        *first, last = self.authors
        return f"{', '.join(first)} … {last} (+{self.more_authors:,})"

    @property
    def short_byline(self) -> str:
        """Return the authors on half a line: all up to three, else two and the last: ``A, B … Z (+13)``."""
        count = len(self.authors) + self.more_authors
        if count <= 3:
            return ", ".join(self.authors)
        first, second, *_, last = self.authors
        return f"{first}, {second} … {last} (+{count - 3:,})"

    @property
    def categories(self) -> tuple[str, ...]:
        """Return the first category with its name and the others as codes: ``cs.LG Machine Learning``, ``stat.ML``."""
        first = f"{self.category} {self.category_name}".strip()
        return (first, *self.also_in) if first else self.also_in

    @property
    def seen(self) -> str:
        """Return the source and the date: ``arXiv · 20 Nov 2026``."""
        return " · ".join(part for part in (self.source, self.when) if part)

    @property
    def when(self) -> str:
        """Return the date in words, empty where it is not known."""
        return date_in_words(self.published or "")

    @property
    def counts(self) -> str:
        """Return the counts worth showing, perhaps empty: ``73 upvotes on Hugging Face``."""
        return counts_in_words(self.facts)

    def counts_beside_links(self, place: str = "") -> str:
        """Return the counts that none of the links tells; ``place`` is one that need not be named."""
        return counts_in_words(_untold(self.facts, self.links), place=place) if self.facts else ""

    def as_json(self) -> dict[str, Any]:
        """Return plain lists, strings and numbers for a JSON column."""
        return asdict(self) | {
            "authors": list(self.authors),
            "also_in": list(self.also_in),
            "facts": [list(fact) for fact in self.facts],
            "links": [list(link) for link in self.links],
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Card:
        """Return the card that :meth:`as_json` wrote, in this version or in an earlier one.

        Before ``sentence`` existed, a card had a ``snippet``: the abstract's first two or three sentences.
        """
        lists = {
            "authors": tuple(values["authors"]),
            "also_in": tuple(values.get("also_in", ())),
            "facts": tuple(Fact(*fact) for fact in values["facts"]),
            "links": tuple(Link(*link) for link in values.get("links", ())),
        }
        kept = {name: value for name, value in values.items() if name != "snippet"}
        return cls(**{"sentence": values.get("snippet", ""), **kept, **lists})


def card_for(
    *,
    identifier: str,
    title: str,
    authors: Sequence[str],
    url: str,
    abstract: str,
    source: str,
    category: str = "",
    category_name: str = "",
    categories: Sequence[str] = (),
    published: date | None = None,
    precision: str = "day",
    facts: Iterable[Fact] = (),
    links: Mapping[str, str] | None = None,
    page: str = "",
) -> Card:
    """Make a paper's card from Unicode, each part visible, on one line and bounded. Never raises.

    ``categories`` are all codes of the paper; a few are shown after the first, ``category``. Of ``published`` the parts
    up to ``precision`` (``day month year``) are known. Of ``links``, by kind, those that are safe are kept.
    """
    names = [name for name in (shorten(_visible(author), NAME_LENGTH) for author in authors) if name]
    codes = dict.fromkeys(shorten(code, NAME_LENGTH) for code in categories if code and code != category)
    return Card(
        identifier=identifier,
        title=shorten(_visible(title), TITLE_LENGTH) or identifier,
        authors=tuple(names if len(names) <= 5 else (*names[:3], names[-1])),
        more_authors=max(0, len(names) - 4) if len(names) > 5 else 0,
        url=safe_link(url),
        sentence=shorten(_visible(key_sentence(abstract)), SENTENCE_LENGTH),
        source=shorten(source, NAME_LENGTH),
        category=shorten(category, NAME_LENGTH),
        category_name=shorten(category_name, NAME_LENGTH),
        published=published.isoformat()[: KNOWN_PART[precision]] if published else None,
        facts=tuple(facts),
        also_in=tuple(codes)[:OTHER_CATEGORIES],
        abstract=_visible(snippet(abstract, limit=ABSTRACT_LENGTH)),
        links=tuple(Link(kind, safe) for kind in LINKS if (safe := safe_link((links or {}).get(kind, "")))),
        page=quote(page, safe="/:;()"),
    )


def safe_link(url: str) -> str:
    """Return the URL in ASCII if it is absolute, http(s) and fits on one line of a mail, else an empty string."""
    url = quote(one_line(url), safe=":/?#[]@!$&()*+,;=%~")
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.netloc and len(escape(url)) <= URL_OCTETS else ""


def date_in_words(published: str) -> str:
    """Return an ISO date, or its month or year, in words: ``20 Nov 2026``, ``Nov 2026``, ``2026``."""
    if not published:
        return ""
    day = date.fromisoformat(f"{published}-01-01"[:10])
    month = f"{day:%b %Y}"
    return f"{day.day} {month}" if len(published) > 7 else month if len(published) > 4 else f"{day:%Y}"


# few papers have counts, but many digests have these
@lru_cache(maxsize=5000)
def _untold(facts: tuple[Fact, ...], links: tuple[Link, ...]) -> tuple[Fact, ...]:
    """Return the facts that none of the links tells."""
    told = {LINKS[link.kind][1] for link in links if link.kind in LINKS}
    return tuple(fact for fact in facts if fact.what not in told)


@lru_cache(maxsize=5000)
def counts_in_words(facts: tuple[Fact, ...], *, place: str = "") -> str:
    """Return the counts worth showing: ``73 upvotes and 12 comments on Hugging Face, 340 stars on GitHub``.

    ``place`` is one that need not be named.
    """
    counted: dict[str, list[str]] = {}
    for fact in facts:
        if fact.number >= WORTH_SAYING.get(fact.what, 1):
            counted.setdefault(fact.where, []).append(_counted(fact))
    return ", ".join(
        join_words(said)
        if where in ("", place)
        else _("%(counts)s on %(where)s") % {"counts": join_words(said), "where": where}
        for where, said in counted.items()
    )


def _counted(fact: Fact) -> str:
    said = {
        "upvote": ngettext("%(count)s upvote", "%(count)s upvotes", fact.number),
        "comment": ngettext("%(count)s comment", "%(count)s comments", fact.number),
        "star": ngettext("%(count)s star", "%(count)s stars", fact.number),
    }.get(fact.what)
    return said % {"count": f"{fact.number:,}"} if said else plural(fact.number, fact.what)


def _visible(text: str) -> str:
    return _PILED_ACCENTS.sub(r"\1", visible(text))
