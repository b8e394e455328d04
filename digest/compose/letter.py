"""Read a curator's Markdown as a letter: headings, paragraphs, lists, emphasis and links, and nothing else.

No HTML of the author is ever passed on. The parser's tree is copied into the few kinds of parts below, and templates
write these with their own tags. Markdown is CommonMark; an address that begins with ``http`` is a link as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal
from urllib.parse import quote

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from markupsafe import escape

from digest.compose.card import URL_OCTETS, safe_link
from subscriptions.mail.rendering import one_line, printable, wrap

LONGEST_LETTER = 4000  # characters of Markdown
MOST_LINKS = 25
MOST_BLOCKS = 120  # paragraphs, headings and list items: each costs some hundred octets of HTML
DEEPEST_LIST = 3

_ADDRESS = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]}'’”]", re.IGNORECASE)
_MAILBOX = re.compile(r"mailto:[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+", re.IGNORECASE)

Kind = Literal["heading", "paragraph", "list"]


@dataclass(frozen=True, slots=True)
class Span:
    """Words of one look; ``url`` is empty or a safe link. A line break is a span of ``"\\n"``."""

    text: str
    strong: bool = False
    emphasis: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A heading or paragraph of ``spans``, or a list of ``items``; ``start`` is the first number, 0 for bullets."""

    kind: Kind
    spans: tuple[Span, ...] = ()
    items: tuple[tuple[Block, ...], ...] = ()
    start: int = 0

    @property
    def text(self) -> str:
        return "".join(span.text for span in self.spans)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter as it is shown. Two letters of the same ``source`` are equal, so that one is a cheap key of a cache.

    ``left_out`` names what the source has and the letter does not: ``image`` or ``link``, once for each.
    """

    source: str
    blocks: tuple[Block, ...] = field(default=(), compare=False)
    left_out: tuple[str, ...] = field(default=(), compare=False)

    @property
    def links(self) -> list[Span]:
        """Return its links in order, with the words of each."""
        return [span for block in _all_blocks(self.blocks) for span in _joined(block.spans) if span.url]

    @property
    def text(self) -> str:
        """Return it as the text part of a mail: lines of at most 78 characters, each link on a line of its own."""
        return "\n\n".join(_lines_of(self.blocks, indent=0))

    @property
    def words(self) -> str:
        """Return its words on one line, for a log or an excerpt."""
        return one_line(" ".join(block.text for block in _all_blocks(self.blocks)))


@lru_cache(maxsize=32)
def read_letter(source: str) -> Letter:
    """Read Markdown as a letter; one without a word, or that is too long, has no blocks. Never raises."""
    if len(source) > LONGEST_LETTER:
        return Letter(source=source)
    reading = _Reading()
    tree = SyntaxTreeNode(_PARSER.parse(printable(source.replace("\r\n", "\n"))))
    return Letter(source=source, blocks=tuple(reading.blocks(tree.children)), left_out=tuple(reading.left_out))


def problem_of(letter: Letter) -> str:
    """Return why a letter cannot be sent: ``too_long``, ``too_many_links``, ``too_many_parts`` or an empty string."""
    if len(letter.source) > LONGEST_LETTER:
        return "too_long"
    if len(letter.links) > MOST_LINKS:
        return "too_many_links"
    return "too_many_parts" if len(list(_all_blocks(letter.blocks))) > MOST_BLOCKS else ""


# Reading -------------------------------------------------------------------------------------------------------------

_PARSER = MarkdownIt("commonmark", {"html": False})
# each link is judged here, by safe_letter_link: a refused one would stay in the text as brackets
_PARSER.validateLink = lambda url: True  # type: ignore[method-assign]


class _Reading:
    """Copies the parser's tree, and notes what is left out."""

    def __init__(self) -> None:
        self.left_out: list[str] = []

    def blocks(self, nodes: Iterable[SyntaxTreeNode], depth: int = 0) -> Iterator[Block]:
        """Yield the blocks of these nodes; quotations and code are paragraphs, lines are left out."""
        for node in nodes:
            if node.type in ("bullet_list", "ordered_list") and depth < DEEPEST_LIST:
                items = tuple(tuple(self.blocks(item.children, depth + 1)) for item in node.children)
                start = min(int(node.attrs.get("start", 1)), 9999) if node.type == "ordered_list" else 0
                if items := tuple(item for item in items if item):
                    yield Block(kind="list", items=items, start=start)
            elif node.type in ("code_block", "fence"):
                yield from _block("paragraph", _broken_lines(node.content.strip("\n")))
            elif node.type in ("heading", "paragraph"):
                kind: Kind = "heading" if node.type == "heading" else "paragraph"
                yield from _block(kind, [span for inline in node.children for span in self.spans(inline.children)])
            else:
                yield from self.blocks(node.children, depth)

    def spans(self, nodes: Iterable[SyntaxTreeNode], look: Span = Span("")) -> Iterator[Span]:
        """Yield the spans of inline nodes that stand within ``look``."""
        for node in nodes:
            match node.type:
                case "text" | "code_inline" | "html_inline":
                    yield from _linked(replace(look, text=_tidy(node.content)))
                case "softbreak":
                    yield replace(look, text=" ")
                case "hardbreak":
                    yield replace(look, text="\n")
                case "strong":
                    yield from self.spans(node.children, replace(look, strong=True))
                case "em":
                    yield from self.spans(node.children, replace(look, emphasis=True))
                case "link":
                    yield from self._link(node, look)
                case "image":
                    self.left_out.append("image")
                    yield replace(look, text=_tidy(node.content))
                case _:
                    yield from self.spans(node.children, look)

    def _link(self, node: SyntaxTreeNode, look: Span) -> Iterator[Span]:
        url = safe_letter_link(str(node.attrs.get("href", "")))
        if not url:
            self.left_out.append("link")
        yield from self.spans(node.children, replace(look, url=url))


def safe_letter_link(url: str) -> str:
    """Return an absolute http(s) URL or a ``mailto:`` with one address, in ASCII; else an empty string."""
    if _MAILBOX.match(url):
        url = quote(one_line(url), safe=":/?#[]@!$&'*+,;=%~")
        return url if len(escape(url)) <= URL_OCTETS else ""
    return safe_link(url)


def _block(kind: Kind, spans: Sequence[Span]) -> Iterator[Block]:
    if any(span.text.strip() for span in spans):
        yield Block(kind=kind, spans=tuple(span for span in spans if span.text))


def _tidy(text: str) -> str:
    return " ".join(text.split("\n"))


def _broken_lines(text: str) -> list[Span]:
    return [span for line in text.split("\n") for span in (Span(line), Span("\n"))][:-1]


def _linked(span: Span) -> Iterator[Span]:
    """Yield the span in pieces, with each address in its words as a link."""
    start = 0
    for found in _ADDRESS.finditer(span.text) if not span.url else ():
        if url := safe_link(found[0]):
            yield replace(span, text=span.text[start : found.start()])
            yield replace(span, text=found[0], url=url)
            start = found.end()
    yield replace(span, text=span.text[start:])


# Writing -------------------------------------------------------------------------------------------------------------


def _all_blocks(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield each heading, paragraph and item, in order."""
    for block in blocks:
        if block.kind == "list":
            for item in block.items:
                yield from _all_blocks(item)
        else:
            yield block


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the spans with neighbours of one link as one."""
    last: Span | None = None
    for span in spans:
        if last and last.url and last.url == span.url:
            last = replace(last, text=last.text + span.text)
            continue
        if last:
            yield last
        last = span
    if last:
        yield last


def _lines_of(blocks: Iterable[Block], indent: int) -> Iterator[str]:
    """Yield the paragraphs of a text part; those of lists are indented."""
    for block in blocks:
        if block.kind != "list":
            yield _paragraph(block, indent)
            continue
        items = []
        for number, item in enumerate(block.items, block.start):
            mark = f"{number}. " if block.start else "- "
            first, *others = _lines_of(item, indent + len(mark))
            items.append("\n\n".join([" " * indent + mark + first[indent + len(mark) :], *others]))
        yield ("\n\n" if any("\n\n" in item for item in items) else "\n").join(items)


def _paragraph(block: Block, indent: int) -> str:
    lines = [wrap(line, indent) for line in block.text.split("\n") if line.strip()]
    links = [(one_line(span.text), span.url) for span in _joined(block.spans) if span.url]
    for words, url in links:
        # an address that is its own words stands in the text already
        lines += [] if words == url else ["", wrap(f"{words}:", indent), url]
    return "\n".join(lines)
