"""Read the text of a Hugging Face papers page as a browser saves it: two heading lines, then titles and abstracts."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote_plus

from digest.identifiers.canonical import title_identifier
from digest.ingest.entry import Entry
from digest.ingest.parsers.body import Text, open_text
from digest.ingest.parsers.feed import MAX_TITLE, Feed, Refused, SourceUnreadable, assemble, shorten_text
from digest.source_errors import ErrorKind
from digest.text import clean

KIND = "seed_page"
HEADING = "Get trending papers in your email inbox"
BUTTON = "Subscribe"  # its word is glued to the first title


def read(body: bytes) -> Feed:
    """Return the papers of such a page, which names no id, link, author or date.

    Their identifiers are those of their titles, and their links search arXiv for the title. Raises SourceUnreadable
    for any text that does not begin with the page's heading.
    """
    return from_text(open_text(body))


def from_text(opened: Text) -> Feed:
    """Return the papers in the text of the page."""
    lines = [line for line in map(str.strip, opened.text.splitlines()) if line]
    if not lines or not lines[0].startswith(HEADING):
        start = shorten_text(opened.text, width=40)
        raise SourceUnreadable(ErrorKind.UNKNOWN_FORMAT, f"it begins with “{start}”")
    while lines and lines[0].startswith(HEADING):
        del lines[0]
    if lines:
        lines[0] = lines[0].removeprefix(BUTTON)
    return assemble(
        _entries(lines),
        kind=KIND,
        name="Hugging Face trending papers",
        url="https://huggingface.co/papers/trending",
        notes=list(opened.notes),
        garbled=opened.garbled,
    )


def _entries(lines: list[str]) -> Iterator[Entry | Refused]:
    for title, abstract in zip(lines[::2], lines[1::2], strict=False):
        readable = clean(title) if len(title) <= MAX_TITLE else title
        yield Entry(
            identifiers=(title_identifier(readable),),
            title=title,
            abstract=abstract,
            url=f"https://arxiv.org/search/?searchtype=title&query={quote_plus(readable[:300])}",
        )
    if len(lines) % 2:
        yield Refused(what=shorten_text(lines[-1]), why="a title without an abstract: the page is cut at its end")
