"""Split publishers' descriptions into the abstract and the authors and date beside it.

Citation lines, labels and headings are told by their form, whoever the publisher is.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from digest.ingest.parsers.dates import WRITTEN

LONGEST_CITATION = 300  # characters; a longer block is text
LONGEST_BYLINE = 3000

_BREAK = re.compile(
    r"(<(?:/?(?:p|div|h[1-6]|li|ul|ol|dl|section|header|tr|td|table|blockquote)\b|br\b|hr\b)[^<>]*>)", re.I
)
_HEADING_TAG = re.compile(r"<(?:h[1-6])\b", re.I)
_TAG = re.compile(r"<[^<>]*>")
_ABSTRACT = re.compile(r"(?:abstract|summary)\s*[:.]?", re.I)
_ASIDE = re.compile(r"(?:graphical abstract|toc graphic|highlights|key\s?words)\s*[:.]?", re.I)
_LABEL = re.compile(
    r"\s*(?P<label>publication date|source|journal|key\s?words?"
    r"|author\(s\)|authors|abstract|summary|doi)\s*:\s*(?P<value>.*)",
    re.I | re.S,
)
_LABEL_AHEAD = re.compile(r"\A[^:]{0,100}:\s*(?:</[^<>]*>\s*)*")
_VOTES = re.compile(r"\s*<b>Upvotes:</b>\s*([0-9]{1,9})\s*")
_LABELS_IN_A_ROW = re.compile(r"\s(?=(?:Source|Author\(s\)|Abstract):\s)")

_DATE = "|".join(re.sub(r"\(\?P<\w+>", "(?:", form) for form in WRITTEN) + r"|\d{4}-\d\d(?:-\d\d)?"
_DATES = re.compile(rf"(?<![\w-])(?:{_DATE})(?![\w-])", re.I)
_BEFORE_PUBLICATION = re.compile(rf"\b(?:received|revised|accepted)(?: on)?:?\s+(?:{_DATE})(?![\w-])", re.I)
_NUMBERED = (
    r"(?:vol(?:ume)?|issue|number|no|pages?|pp?|art(?:icle)?(?: (?:number|id|no))?|iss)\b\.?\s*:?\s*[a-z]?\d[\w.]*"
    r"(?:\s*[-\u2013]\s*[a-z]?\d\w*)?"
)
_STAGE = (
    r"early ?view|early access|(?:online )?ahead of print|online first|first ?view|just accepted|latest articles"
    r"|accepted (?:article|manuscript)|articles? in press|in press|advance articles?"
    r"|corrected proof|journal pre-?proof|version of record"
)
_REFERENCE = (
    r"(?:doi:?\s*)?(?:https?://(?:dx\.)?doi\.org/)?\b10\.\d{4,9}/[^\s|;]+|\bpm(?:c)?id:?\s*(?:pmc)?\d+"
    r"|\d+\s*\(\d[\w\s-]*\)(?:\s*:\s*[a-z]?\d[\w\u2013-]*)?|;\s*\d+\s*:\s*[a-z]?\d[\w\u2013-]*"
    r"|\b\d{4},\s*\d+\s*,\s*\d[\d\u2013-]*"  # 2026, 17, 1234-1240
)
_PUBLISHED = r"(?:first )?published(?: online| electronically| on)*\b:?|available online|publication date:?|epub"
_NONE = r"no abstract(?: available)?|abstract not available"
_PARTS = re.compile(rf"{_REFERENCE}|(?:\b{_NUMBERED})|\b(?:{_STAGE}|{_PUBLISHED}|{_NONE}|doi:|pmc?id:)", re.I)
_SMALL_WORDS = frozenset("of and for the in on to de des der die das und et la le les di e y a an".split())
_LINK = r"(?:<a\b[^<>]*>)?\s*"
_BEFORE_TEXT = re.compile(
    rf"[^<>.;]{{0,120}},\s*published online:?\s*(?:{_DATE})\s*[;,.]?\s*(?:{_LINK}doi:?\s*10\.[^\s<>]+\s*(?:</a>)?)?\s*",
    re.I,
)
_AFTER_TEXT = re.compile(rf"\[[^\[\]<>]{{3,100}}\]\s*published\s+(?:{_DATE})\.?\s*\Z", re.I)


_BOILERPLATE = re.compile(
    r"to cite this article before page numbers are assigned|the content of this rss feed \(c\)"
    r"|the post .{1,300} (?:first )?appeared (?:first )?on\b|(?:continue reading|read more)\W*\Z"
    r"|(?:copyright\s+)?(?:\u00a9|\(c\))\s.{0,200}\Z"
    r"|(?:(?:pdf|html|epub|full[- ]?text|download|view article)\b[\s|\u00b7,/]*)+\Z"
    r"|open access(?: this article is licensed|\Z)|this article is licensed under a creative commons",
    re.I,
)
_CITED = re.compile(r"\s*<cite>[^<>]*</cite>\s*", re.I)
_BY = re.compile(r"\Aby:?\s+", re.I)
_AND = re.compile(r",|;|\band\b|&")
# one to five words, the first and the last with a capital
_FIRST = r"[^\W\d_a-z][\w'\u2019.-]{0,30}"
_PERSON = rf"{_FIRST}(?: (?!and )[^\W\d_][\w'\u2019.-]{{0,30}}){{0,3}} {_FIRST}"
_NAMES = re.compile(rf"{_PERSON}(?:(?:, | and |, and |; | & ){_PERSON})*;?")


@dataclass(slots=True)
class Description:
    """The parts of a description; ``date`` is as it was written, ``votes`` None where none are told."""

    abstract: str = ""
    authors: str = ""
    date: str = ""
    votes: int | None = None
    has_heading: bool = False  # the abstract stood under a heading of its own
    _kept: list[str] = field(default_factory=list)
    _aside: list[str] = field(default_factory=list)


def describe(markup: str, names: Iterable[str] = (), authors: Sequence[str] = ()) -> Description:
    """Read a description; ``names`` are those of the journal and of the item, which are no abstract by themselves.

    ``authors`` are those that the item names elsewhere, which may stand in the description once more.

    An abstract that stands alone keeps its markup as it was written.
    """
    found = Description()
    known = sorted({name.casefold() for name in map(str.strip, names) if len(name.strip()) > 3}, key=len, reverse=True)
    in_aside = taken = False
    pieces = _BREAK.split(markup)
    for at in range(0, len(pieces), 2):
        tag = pieces[at - 1] if at else ""
        for block in _labelled_apart(pieces[at]):
            text = plain_text(block)
            if not text:
                continue
            if _ASIDE.fullmatch(text):
                in_aside = taken = True
            elif _ABSTRACT.fullmatch(text):
                # what stood before the heading is no part of it
                found._kept, in_aside, taken, found.has_heading = [], False, True, True
            elif _take_fact(found, block, text, known) or _take_byline(found, text, authors, after_fact=taken):
                taken = True
            else:
                in_aside = in_aside and not _HEADING_TAG.match(tag)
                edged = _AFTER_TEXT.sub("", _BEFORE_TEXT.sub("", block, count=1))
                if edged != block:
                    found.date, taken = found.date or _date_in(text), True
                (found._aside if in_aside else found._kept).append(edged.strip())
    kept = found._kept or found._aside
    abstract = " <br> ".join(kept) if taken or not kept else markup
    found.abstract = abstract if any(map(str.isalnum, plain_text(abstract))) else ""
    return found


def is_teaser(abstract: str, others: Iterable[str]) -> bool:
    """Return whether a text is only the beginning of another one."""
    start = plain_text(abstract).rstrip(". \u2026[]")
    return any(len(text) > len(start) + 20 and text.startswith(start) for text in map(plain_text, others))


def plain_text(markup: str) -> str:
    """Return the words of a piece of HTML on one line."""
    return " ".join(html.unescape(_TAG.sub(" ", markup)).split()) if markup else ""


def _labelled_apart(block: str) -> list[str]:
    """Return the labels of one line each by itself: ``Publication date: … Source: … Author(s): …``."""
    return _LABELS_IN_A_ROW.split(block) if _LABEL.match(plain_text(block[:100])) else [block]


def _take_fact(found: Description, block: str, text: str, names: list[str]) -> bool:
    """Take what is beside the abstract, or an abstract behind its label; False for a block that is text."""
    if match := _VOTES.fullmatch(block):
        found.votes = int(match[1])
        return True
    if label := _LABEL.fullmatch(text):
        value = label["value"].strip()
        match label["label"].lower():
            case "author(s)" | "authors":
                found.authors = found.authors or value
                return True
            case "abstract" | "summary":
                found._kept.append(_LABEL_AHEAD.sub("", block, count=1).strip())
                return True
            case "publication date":
                found.date = found.date or _date_in(value)
                return True
            case "source" | "journal" | "keyword" | "keywords" | "key words" if len(value) < LONGEST_CITATION:
                return True
    if _BOILERPLATE.match(text) or _CITED.fullmatch(block):
        return True
    if _is_citation(text, names):
        found.date = found.date or _date_in(text)
        return True
    return False


def _take_byline(found: Description, text: str, authors: Sequence[str], *, after_fact: bool) -> bool:
    """Take a line of authors: ``by Ann Lee, Bo Chen``, those that are known, or names between a citation and the text.

    False for a block that is something else.
    """
    line = _BY.sub("", text, count=1)
    if found._kept or len(line) > LONGEST_BYLINE or not _NAMES.fullmatch(line):
        return False
    if authors:
        rest = line.casefold()
        for name in sorted(authors, key=len, reverse=True):
            rest = rest.replace(name.casefold(), " ")
        return set(re.findall(r"[^\W_]+", rest)) <= {"and"}
    if line != text or (after_fact and _AND.search(line)):
        found.authors = found.authors or line
        return True
    return False


def _is_citation(text: str, names: list[str]) -> bool:
    """Return whether a block names where and when a work appeared, and says nothing else."""
    if len(text) > LONGEST_CITATION:
        return False
    rest = folded = text.casefold()
    for name in names:
        rest = rest.replace(name, " ")
    left, parts = _PARTS.subn(" ", rest)
    without_dates = _DATES.sub(" ", left)
    words = re.findall(r"[^\W\d_]+", without_dates)
    if not words:
        return bool(parts) or rest != folded or without_dates != left
    # the name of a journal: at most a few words, all but the small ones capitals
    written = dict.fromkeys(re.findall(r"[^\W\d_]+", text))
    capitals = {word.casefold() for word in written if word[0].isupper()}
    return parts > 0 and len(words) <= 12 and all(word in capitals or word in _SMALL_WORDS for word in words)


def _date_in(text: str) -> str:
    """Return the most exact date of a line, as it was written; not that on which a manuscript came in."""
    return max(
        _DATES.findall(_BEFORE_PUBLICATION.sub(" ", text)), key=lambda date: len(re.findall(r"\w+", date)), default=""
    )
