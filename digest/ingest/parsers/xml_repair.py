"""Repair XML that may be cut, damaged or hostile, so that any parser reads it; a bad entry costs that entry only."""

from __future__ import annotations

import html
import itertools
import re
from dataclasses import dataclass
from xml.parsers import expat

from digest.ingest.parsers.body import Text
from digest.ingest.parsers.feed import MAX_ENTRIES, Refused, SourceUnreadable, shorten_text
from digest.source_errors import ErrorKind

MAX_PROLOGUE = 100_000  # characters before the root
MAX_MENDED = 100_000  # stray ampersands, each of which makes the text longer
MAX_DEPTH = 100
MAX_ELEMENTS = 300_000  # 2,000 papers with their authors have about 50,000
MAX_NAME_RUN = 100  # feedparser looks for e-mail addresses in authors in quadratic time …
MAX_LABELS = 300  # … and compares each category of an entry with all others

ENTRY_OF = {"rss": "item", "RDF": "item", "feed": "entry", "OAI-PMH": "record"}  # by the root's local name
_KNOWN_PREFIXES = {
    "arxiv": "http://arxiv.org/schemas/atom",
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "prism": "http://purl.org/rss/1.0/modules/prism/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
}
_START_TAG = re.compile(r"<(?:([\w.-]+):)?([\w.-]+)")
_ENTRIES = {"item", "entry", "record"}
_LABELS = {"category", "subject", "keywords"}
_RESERVED = {"authors", "contributors", "links", "tags"}  # feedparser's own lists, which attributes would overwrite
_PERSONS = {"author", "creator", "managingeditor", "owner", "publisher", "webmaster"}
_NAME_RUN = re.compile(rf"[\w.+-]{{{MAX_NAME_RUN}}}")
_PREFIX = re.compile(r"</?([A-Za-z_][\w.-]{0,40}):|\s([A-Za-z_][\w.-]{0,40}):[\w.-]{1,80}=[\"']")
_TITLE = re.compile(r"<title[^<>]*>(?:<!\[CDATA\[)?([^<]{1,300})")
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]"
    r"|&#(?:0*(?:[0-8]|1[124-9]|2\d|3[01])|x0*1?[0-9a-fA-F]);"
)
_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)(\w{1,32};)?")
_CUT = {
    expat.errors.codes[name]
    for name in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Markup:
    """A well-formed document without prologue; ``root`` is its local name, one of ENTRY_OF."""

    text: str
    root: str
    notes: tuple[str, ...]
    refused: tuple[Refused, ...]
    garbled: str


def well_formed(opened: Text) -> Markup:
    """Return the document as any strict parser reads it, with what was left out counted in ``refused``.

    Raises SourceUnreadable for a page or document that is no feed, for a DTD with declarations (entity bombs), for
    more than MAX_ELEMENTS, and for a document of which no whole entry is left.
    """
    text = _without_prologue(opened.text)
    match = _START_TAG.match(text)
    root = match[2] if match else ""
    if root.lower() == "html":
        raise SourceUnreadable(ErrorKind.WEB_PAGE)
    if root.lower() == "opml":
        raise SourceUnreadable(ErrorKind.UNKNOWN_FORMAT, "a list of feeds (OPML), for ./run manage opml")
    if root not in ENTRY_OF:
        raise SourceUnreadable(ErrorKind.UNKNOWN_FORMAT, f"it begins with “{shorten_text(text, width=40)}”")
    notes, refused = opened.notes, tuple[Refused, ...]()
    if fault := _fault(text):
        text, refused, note = _mended(text, ENTRY_OF[root], fault)
        notes = (*notes, note)
    return Markup(text=text, root=root, notes=notes, refused=refused, garbled=opened.garbled)


def _without_prologue(text: str) -> str:
    """Return the text from its root on. Only declarations and comments stand before; without them there is no entity
    bomb.
    """
    at = 0
    while at < MAX_PROLOGUE and text.startswith(("<?", "<!"), at):
        closing = "-->" if text.startswith("<!--", at) else "?>" if text.startswith("<?", at) else ">"
        end = text.find(closing, at)
        if closing == ">":
            if re.match(r"<!doctype\s+html", text[at : at + 100], re.I):
                raise SourceUnreadable(ErrorKind.WEB_PAGE)
            if "[" in text[at : end + 1 or None]:
                raise SourceUnreadable(ErrorKind.MALFORMED, "it declares a document type of its own (DTD)")
        if end < 0:
            raise SourceUnreadable(ErrorKind.TRUNCATED, "before its first entry")
        at = end + len(closing)
        while at < len(text) and text[at].isspace():
            at += 1
    return text[at:]


@dataclass(frozen=True, slots=True)
class _Fault:
    """A fault by which a document or entry cannot be taken as it is; ``open`` are the elements not closed by then."""

    why: str
    cut: bool = False
    open: tuple[str, ...] = ()


def _fault(text: str, *, namespaces: bool = True) -> _Fault | None:
    """Return the first thing that is wrong with a document, None when nothing is."""
    parser = expat.ParserCreate("utf-8", " " if namespaces else None)
    parser.buffer_text = True
    watch = _Watch()
    parser.StartElementHandler = watch.start
    parser.EndElementHandler = watch.end
    parser.CharacterDataHandler = watch.characters
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except _Unacceptable as fault:
        return _Fault(str(fault))
    except expat.ExpatError as error:
        why = f"not well-formed XML ({expat.ErrorString(error.code)}, line {error.lineno})"
        return _Fault(why, cut=error.code in _CUT, open=tuple(watch.open))
    return None


class _Watch:
    """Looks on while a document is parsed, and stops what a feed never holds and feedparser would drown in."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self._elements = self._labels = 0
        self._person_at = 0  # the depth of the element that names a person, whose text is gathered
        self._person: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.open.append(name)
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise SourceUnreadable(ErrorKind.TOO_LARGE, f"more than {MAX_ELEMENTS:,} elements")
        if len(self.open) > MAX_DEPTH:
            raise _Unacceptable(f"elements nested more than {MAX_DEPTH} deep")
        if len(attributes) > MAX_LABELS:
            raise _Unacceptable(f"an element with more than {MAX_LABELS} attributes")
        local = name[max(name.rfind(" "), name.rfind(":")) + 1 :].lower()
        if local in _ENTRIES:
            self._labels = 0
        elif local in _LABELS:
            self._labels += 1
            if self._labels > MAX_LABELS:
                raise _Unacceptable(f"more than {MAX_LABELS} categories")
        elif local in _RESERVED and attributes:
            raise _Unacceptable(f"an element called “{local}” that no feed has")
        elif local in _PERSONS and not self._person_at:
            self._person_at = len(self.open)

    def end(self, name: str) -> None:
        if len(self.open) == self._person_at:
            if _NAME_RUN.search("".join(self._person)):
                raise _Unacceptable(f"an author's name with {MAX_NAME_RUN} letters and no space")
            self._person_at = 0
            self._person.clear()
        self.open.pop()

    def characters(self, text: str) -> None:
        if self._person_at:
            self._person.append(text)


class _Unacceptable(Exception):
    """Well-formed, and still nothing to hand to feedparser."""


def _mended(text: str, entry: str, fault: _Fault) -> tuple[str, tuple[Refused, ...], str]:
    """Correct stray characters and prefixes; if that is not enough, return the entries that are whole."""
    if not fault.cut:
        text = _bound(_ENTITY.sub(_spelled_out, _CONTROLS.sub("", text), count=MAX_MENDED))
        mended_fault = _fault(text)
        if mended_fault is None:
            return text, (), "damaged XML: stray characters were mended"
        fault = mended_fault
    head, pieces = _split(text, entry)
    opened = _fault(head, namespaces=False)
    if opened and not opened.cut:
        head = _plain_head(head)
        opened = _fault(head, namespaces=False)
    good, refused = [], []
    for number, piece in enumerate(pieces, start=1):
        flaw = _fault(piece, namespaces=False)
        if flaw is None:
            good.append(piece)
        else:
            why = "cut in the middle" if flaw.cut and number == len(pieces) else flaw.why
            refused.append(Refused(what=_title_in(piece) or f"{entry} {number}", why=why))
    if fault.cut and not good:
        raise SourceUnreadable(ErrorKind.TRUNCATED, "not one whole entry is left")
    if opened is None or not opened.open or not pieces:
        raise SourceUnreadable(ErrorKind.MALFORMED, (opened if opened and pieces else fault).why)
    whole = head + "".join(good) + "".join(f"</{name}>" for name in reversed(opened.open))
    if left := _fault(whole):
        raise SourceUnreadable(ErrorKind.MALFORMED, left.why)
    if not fault.cut:
        return whole, tuple(refused), "damaged XML: the entries that are sound were kept"
    dropped = "the last entry was dropped" if refused else "every whole entry was kept"
    return whole, tuple(refused), f"cut in the middle: {dropped}"


def _split(text: str, entry: str) -> tuple[str, list[str]]:
    """Return what stands before the first entry, and each entry's text; one that is not closed ends where the next
    begins.
    """
    found = re.finditer(rf"<(/?)(?:[\w.-]{{1,40}}:)?{entry}(?=[\s/>])", text)
    marks = list(itertools.islice(found, 2 * MAX_ENTRIES + 1))
    starts = [mark.start() for mark in marks] + [len(text)]
    if len(marks) > 2 * MAX_ENTRIES:
        raise SourceUnreadable(ErrorKind.TOO_LARGE, f"more than {MAX_ENTRIES:,} entries")
    pieces = []
    for n, mark in enumerate(marks):
        if mark[1]:
            continue
        end = starts[n + 1]
        if n + 1 < len(marks) and marks[n + 1][1]:
            end = text.find(">", end, starts[n + 2]) + 1 or end
        pieces.append(text[mark.start() : end].strip())
    return text[: next((mark.start() for mark in marks if not mark[1]), len(text))], pieces


def _plain_head(head: str) -> str:
    """Return the root of a damaged head, and its title."""
    root = head[: head.find(">") + 1]
    title = re.search(r"<title[^<>]*>[^<>]*</title>", head)
    return f"{root}<channel>{title[0] if title else ''}"


def _bound(text: str) -> str:
    """Declare prefixes on the root that it lacks; a declaration further in still wins."""
    end = text.find(">")
    match = _START_TAG.match(text)
    used = {prefix for pair in _PREFIX.findall(text) for prefix in pair} - {"", "xml", "xmlns"}
    missing = sorted(prefix for prefix in used if f"xmlns:{prefix}=" not in text[:end])
    if not match or len(missing) > MAX_DEPTH:
        return text
    uris = "".join(f' xmlns:{name}="{_KNOWN_PREFIXES.get(name, "urn:undeclared:" + name)}"' for name in missing)
    return text[: match.end()] + uris + text[match.end() :]


def _spelled_out(match: re.Match[str]) -> str:
    """Return a named character of HTML as that character, a bare ampersand as XML writes it."""
    name = match[1] or ""
    character = html.unescape(f"&{name}")
    return f"&amp;{name}" if character == f"&{name}" else html.escape(character)


def _title_in(piece: str) -> str:
    match = _TITLE.search(piece)
    return shorten_text(html.unescape(match[1])) if match else ""
