"""Tell which work a notice takes back, or voices concern about, by what its title, relations and text name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from digest.identifiers.canonical import canonical_identifier, normalise_title
from digest.ingest.entry import Entry
from digest.ingest.papers.identity import is_strong
from digest.ingest.parsers.retractions import words_of

MAX_NOTICES = 200  # of one reading
MAX_NAMED = 20  # works that one notice names
FEWEST_WORDS = 3  # of a title that names a work; "Editorial" names many

_RETRACTION = (
    r"retraction(?:\s+(?:note|notice))?|(?:statement|notice)\s+of\s+(?:retraction|withdrawal|removal)"
    r"|(?:withdrawal|removal)(?:\s+notice)?"
)
_CONCERN = r"(?:(?:editorial|editors?(?:'s|\u2019s)?|publisher(?:'s|\u2019s)?)\s+)?expression\s+of\s+concern"
_HEAD = re.compile(
    rf"\[?(?:(?P<concern>{_CONCERN})|(?:{_RETRACTION}))\]?(?:\s*[:.\u2013\u2014-]\s*|\s+(?:to|for|of|on|about|regarding)\b:?\s*|\s+|\Z)",
    re.I,
)
_AUTHORS = re.compile(r"[^:]{1,80}?\bet al\b\.?,?\s*", re.I)
_QUOTED = [
    re.compile(f"{first}(.+){last}")
    for first, last in (
        ("\u201c", "\u201d"),
        ('"', '"'),
        ("\u2018", "\u2019"),
        ("'", "'"),
        ("\u201e", "[\u201c\u201d]"),
        ("\u00ab", "\u00bb"),
    )
]
# the retraction of a concern, or a corrected work that takes the place of the first one
_OF_A_NOTICE = re.compile(
    r"(?:an?\s+|the\s+)?(?:and\s+re(?:placement|publication)\b|(?:editorial\s+)?expression\s+of\s+concern\b"
    r"|(?:retraction|withdrawal|removal|correction|erratum|corrigendum)(?:\s+(?:note|notice|to)\b|\s*:))",
    re.I,
)
_DOI = r"\b10\.\d{4,9}/[^\s<>\"'\u201c\u201d\]|]+"
_ARXIV = r"\barxiv:\s?(?:\d{4}\.\d{4,5}|[a-z-]{2,9}/\d{7})"
# a title that only mentions a work, such as "Comment on arXiv:2608.01240", is another's
_NAMED_FIRST = re.compile(
    rf"(?:the\s+)?(?:article|paper|preprint|manuscript)?\s*[\[(]?(?:doi:?\s*|https?://(?:dx\.)?doi\.org/)?({_DOI}|{_ARXIV})",
    re.I,
)
# PubMed's words: [This retracts the article DOI: 10.5555/1.]
_RETRACTS = re.compile(
    rf"\bthis\s+(?:retracts|withdraws)\s+the\s+(?:article|paper|preprint)\s+(?:doi:?\s*|https?://(?:dx\.)?doi\.org/)?({_DOI}|{_ARXIV})",
    re.I,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An item that takes another work back, or voices concern about it.

    ``identifiers`` are the DOIs, arXiv ids and PMIDs that it gives that work, ``about`` is that work's title. One of
    the two may be empty.
    """

    title: str  # of the notice
    url: str
    identifiers: tuple[str, ...] = ()
    about: str = ""
    is_concern: bool = False


def notice_in(item: Entry) -> Notice | None:
    """Return what an item that is a notice says of another work; None where it corrects it, or names none."""
    title, head = words_of(item.title), _HEAD.match(words_of(item.title))
    told = _RETRACTS.findall(words_of(item.abstract))
    rest = title[head.end() :] if head else ""
    if (head is None and not told) or _OF_A_NOTICE.match(rest):
        return None
    first = _NAMED_FIRST.match(rest)
    given = [*told, *item.related, *([first[1]] if first else [])]
    named = dict.fromkeys(name for one in given if is_strong(name := canonical_identifier(one.rstrip(".,;)"))))
    identifiers = tuple(name for name in named if name not in item.identifiers)[:MAX_NAMED]
    about = "" if first else _title_in(rest)
    if not identifiers and not about:
        return None
    is_concern = bool(head and head["concern"])
    return Notice(title=title, url=item.url, identifiers=identifiers, about=about, is_concern=is_concern)


def _title_in(rest: str) -> str:
    """Return the title that stands behind the words of a notice, without authors before it and a citation after it."""
    for text in _forms(rest):
        if len(normalise_title(text).split()) >= FEWEST_WORDS:
            return text
    return ""


def _forms(rest: str) -> Iterator[str]:
    without_authors = _AUTHORS.sub("", rest, count=1) if _AUTHORS.match(rest) else rest
    for form in _QUOTED:
        if quoted := form.match(without_authors):
            yield quoted[1].strip(" ,.")
    yield without_authors
