"""Recognise retracted works, notices about other works, and the front matter of an issue."""

from __future__ import annotations

import html
import re

NOTICE = "a notice about another paper"
LONGEST_NOTICE = 300  # characters of the abstract of a notice; a paper on retractions has more

_NOUN = r"(?:paper|article|submission|manuscript|work|preprint|version|chapter|e-?print|entry|letter)\b"
_MINE = rf"(?:this|the|our|my|their|its|above)\s+(?:\w+\s+)?{_NOUN}"
_HOW = r"(?:(?:now|hereby|temporarily|formally|voluntarily|officially)\s+)?"
_NOT_FROM = r"(?!\s+from\s+(?!(?:the\s+)?(?:arxiv|publication|bio|med)))"  # withdrawn from a conference is still here
_REASON = r"(?=\s*(?:\Z|[.,;:()\[\]!<*]|(?:by|due|because|at the|as|since|pending|owing|following|until|for)\b))"
_TAKEN_BACK = "|".join((
    # this version has been removed by arXiv administrators
    rf"(?:this|the)\s+(?:\w+\s+)?{_NOUN}(?:,?\s+version\s+\w+,?)?\s+(?:has\s+been|was|is|is\s+being)\s+{_HOW}"
    rf"(?:withdrawn|retracted)\b{_NOT_FROM}",
    rf"this\s+(?:\w+\s+)?{_NOUN}\s+(?:has\s+been|was)\s+{_HOW}removed\b",
    # paper withdrawn by the authors; temporarily withdrawn
    rf"(?:(?:this|the)\s+)?(?:(?:paper|article|submission|manuscript|preprint|version|now|has|been|is|temporarily)\s+){{0,3}}"
    rf"(?:withdrawn|retracted)\b{_NOT_FROM}{_REASON}",
    # I am withdrawing this paper; the authors wish to retract their manuscript
    r"(?:i|we|(?:the\s+)?(?:first\s+|corresponding\s+)?authors?|all\s+authors|the\s+(?:publisher|journal|editors?(?:-in-chief)?)"
    r"|(?:bio|med)?rxiv|arxiv(?:\s+admin\w*)?)\s+"
    r"(?:(?:am|are|is|has|have|had|been|be|hereby|wish(?:es)?|would|like|want|to|decided|need|must|request\w*|now|formally"
    r"|therefore|jointly|agreed)\s+){0,5}"
    rf"(?:withdraw(?:s|ing|n)?|withdrew|retract(?:s|ing|ed)?|(?:the\s+)?(?:withdrawal|retraction)\s+of)\s+{_MINE}{_NOT_FROM}",
    # due to an error, this paper has been withdrawn; this paper has an error and was withdrawn
    rf"(?:at|due|because|owing|following|upon|on|after|by)\b[^.;:]{{1,200}},\s+this\s+(?:\w+\s+)?{_NOUN}\s+"
    rf"(?:has\s+been|was|is)\s+{_HOW}(?:withdrawn|retracted)\b{_NOT_FROM}",
    rf"this\s+(?:\w+\s+)?{_NOUN}\s[^.;:]{{1,150}}\band\s+(?:has\s+been|was|is)\s+(?:therefore\s+)?"
    rf"{_HOW}(?:withdrawn|retracted)\b{_NOT_FROM}",
))  # fmt: skip
_AT_THE_START = re.compile(
    rf"(?:<[^<>]*>|[\s*\[(])*(?:(?:abstract|comments?|note|notice|retraction|withdrawal|important)\s*:?\s*)?(?:{_TAKEN_BACK})",
    re.I,
)
_IN_A_CLAUSE = re.compile(rf"(?:\A|[.,;:(])\s*(?:{_TAKEN_BACK})", re.I)

_WORK = r"(?:\s+(?:article|paper|chapter|manuscript|preprint|publication))?"
_MARKED = re.compile(
    # RETRACTED ARTICLE: …; but "Retracted: what happens next" has a subtitle
    rf"(?:(?-i:RETRACTED|WITHDRAWN|REMOVED){_WORK}|(?:retracted|withdrawn|removed)\s+(?:article|paper))(?:\s*[:\u2013\u2014]|\s-)\s*\S"
    rf"|(?:retracted|withdrawn|removed){_WORK}(?:\s*[:\u2013\u2014]|\s-)\s*(?-i:[^\sa-z])|\*+(?:retracted|withdrawn){_WORK}\*+"
    rf"|withdrawn\s+as\s+(?:a\s+)?duplicate\s*:"
    rf"|(?:temporary\s+)?removal:\s*\S|[\[(](?:retracted|withdrawn|removed){_WORK}[\])]"
    rf"|.*\S\s*(?:[\[(](?:retracted|withdrawn|removed){_WORK}[\])]|[:\u2013\u2014-]\s+(?:retracted|withdrawn){_WORK})\Z",
    re.I | re.S,
)
_MARKED_IN_CAPITALS = re.compile(r"(?:RETRACTED|WITHDRAWN)(?: ARTICLE| PAPER)?\s+(?=.*[a-z])")

_QUOTE = "[\"'\u201c\u2018\u201e\u00ab]"
_KIND_OF_NOTICE = r"erratum|errata|corrigend(?:um|a)|correction|retraction|addendum|expression\s+of\s+concern"
# [Corrigendum] Bees count; Bees count – ERRATUM; a hyphen may belong to a word
_NOTICE_IN_BRACKETS = re.compile(
    rf"[\[(](?:{_KIND_OF_NOTICE})[\])]\s*:?\s*\S|.*\S(?:\s*[\[(](?:{_KIND_OF_NOTICE})[\])]|\s[\u2013\u2014-]\s(?:{_KIND_OF_NOTICE}))\Z",
    re.I | re.S,
)
_ABOUT = rf"(?:\Z|\s*[:\[(\u2013\u2014.]|\s+-\s|\s+(?:to|for)\b|\s*{_QUOTE})"
_NOTICE = re.compile(
    rf"(?:retraction\s+(?:note|notice)|notice\s+of\s+(?:retraction|withdrawal|removal|(?:redundant|duplicate)\s+publication)|statement\s+of\s+retraction"
    rf"|(?:withdrawal|removal)\s+notice|editorial\s+retraction|(?:author|publisher|editorial)(?:'s|\u2019s|s')?\s+correction|corrigendum|corrigenda"
    rf"|erratum|(?:editorial\s+)?expression\s+of\s+concern|(?:editor|publisher)s?(?:'s|\u2019s|'|\u2019)?\s+note){_ABOUT}"
    rf"|errata(?:\Z|\s*[:\[(]|\s+(?:to|for)\b)|partial\s+retraction{_ABOUT}"
    r"|(?:notice\s+of\s+)?retraction\s+and\s+(?:replacement|republication)\b"
    rf"|(?:corrections?|correction\(s\)|retraction|addendum|withdrawal)(?:\s+(?:to|of|for))?\s*(?:[:.]|{_QUOTE}|\Z)"
    rf"|(?:correction|retraction)\s+for\s+.{{1,80}}\bet al\b",
    re.I,
)
_COULD_BE_A_PAPER = re.compile(
    r"(?:corrections?|retraction(?!\s+not(?:e|ice)\b)|addendum|withdrawal|(?:editor|publisher)\S*\s+note)\b", re.I
)
_SUBTITLE = re.compile(r"[:.]\s+[a-z]")  # Correction: an operator for maps
# The above article, published online on 3 August 2026, has been retracted by agreement
_TOOK_BACK = re.compile(
    rf"(?:this|the)\s+(?:\w+\s+)?{_NOUN}.{{0,250}}?\b(?:has\s+been|have\s+been|was|is|is\s+being)\s+{_HOW}"
    r"(?:retracted|withdrawn|removed|corrected)\b",
    re.I | re.S,
)
# PubMed's whole abstract of a notice: [This corrects the article DOI: 10.5555/1.]
_NAMES_ANOTHER = re.compile(r"\W*this\s+(?:corrects|retracts|withdraws)\s+the\s+article\b", re.I)
_COVER = r"(?:(?:outside|inside)\s+)?(?:front|back)\s+cover|cover\s+(?:picture|feature|image|profile)|frontispiece"
_MATTER = (
    rf"{_COVER}|cover|issue information|masthead|front matter|back matter|table of contents|contents(?: list)?"
    r"|editorial board|copyright(?: notice| page)?|title page|breaker page|blank page|(?:author|subject|keyword) index"
    r"|publication information|(?:information|instructions|guidelines) (?:for|to) authors|graphical contents list"
)
# what is a paper behind other words: Monetary policy: announcements
_MATTER_ALONE = (
    r"(?:about|on) the cover|in this issue|this (?:week|month) in .{1,40}|highlights (?:from|of|in) this issue"
    r"|announcements|(?:calendar of events|(?:meetings?|events) calendar)|books? received|aims and scope"
    r"|volume (?:\d+ )?(?:contents|index)|call for papers(?:: .{1,200})?|ed\. board|title page(?: [ivx]+)?"
    r"|graphical abstracts?(?:: .{0,60}\d/\d{4}\)?)?|reviewers (?:of |in |for )?\d{4}"
    r"|(?:(?:acknowledge?ments?|thanks) (?:of|to) |list of )(?:our |the )?(?:reviewers|referees)(?: .{1,60})?"
)
_FRONT_MATTER = re.compile(
    rf"\[?(?:.{{0,60}}?\S(?:[:,]|\s[\u2010-\u2014-])\s+)?(?:{_MATTER})(?:\s*(?:/|,|&|and)\s*(?:{_MATTER}))?\]?\.?"
    rf"|(?:{_COVER}|issue information|editorial board|masthead)(?:\s*[:(,]|\s[\u2010-\u2014-]).{{0,300}}"
    r"|ieee .{0,120}(?:publication information|society information|information for authors|institutional listings)"
    rf"|{_MATTER_ALONE}",
    re.I,
)


def says_withdrawn(*, title: str = "", abstract: str = "", comment: str = "") -> bool:
    """Return whether authors, archive or publisher took a work back, as far as its title, abstract or comment tell."""
    title = words_of(title)
    return bool(
        _MARKED.match(title)
        or _MARKED_IN_CAPITALS.match(title)
        or _AT_THE_START.match(abstract[:1000])
        or _IN_A_CLAUSE.search(comment[:2000])
    )


def why_no_work(title: str, abstract: str = "") -> str:
    """Return why an item is no work of its own, ``""`` for a work; a title that only begins with such a word is a
    paper.
    """
    title, text = words_of(title), words_of(abstract)
    if _NAMES_ANOTHER.match(text):
        return NOTICE
    if _NOTICE_IN_BRACKETS.match(title) and len(text) < LONGEST_NOTICE:
        return NOTICE
    if match := _NOTICE.match(title):
        tells_it = _AT_THE_START.match(text) or _TOOK_BACK.search(text[:600])
        is_notice = len(text) < LONGEST_NOTICE and not (text and _SUBTITLE.match(title, match.end() - 1))
        if is_notice or tells_it or not _COULD_BE_A_PAPER.match(match[0]):
            return NOTICE
    return "front matter of an issue" if _FRONT_MATTER.fullmatch(title) else ""


def words_of(text: str) -> str:
    """Return the words of a title or text on one line, without tags; at most 4,000 characters."""
    return " ".join(html.unescape(re.sub(r"</?[A-Za-z][^<>]*>", "", text[:4000])).split())
