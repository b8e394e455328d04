"""Jinja templates and values -> an e-mail in two parts. Knows nothing of papers, people or the database."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "email"
COLUMNS = 78  # of the text part, RFC 5322 section 2.1.1

# Controls, bidirectional overrides and isolates, line and paragraph separators, lone surrogates, the marks of a Hole,
# non-characters.
_UNPRINTABLE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ue000\ue001\ufffe\uffff]")
_LONG_RUN = re.compile(r"[^ \n]{60}(?=[^ \n])")
_LONG_LINE = re.compile(r"([^\n\0]{60,120}?) ")  # bounded, so that a text without spaces is not read again and again


@dataclass(frozen=True, slots=True)
class RenderedEmail:
    """What is handed to the mail API: a subject of one line, and the same words twice."""

    subject: str
    text: str
    html: str


class Hole(str):
    """Stands in a render for a value to come, and remembers the filters on the way (:mod:`subscriptions.prepared`)."""

    __slots__ = ()

    def __new__(cls, name: str, *steps: str) -> Hole:
        return super().__new__(cls, f"\ue000{'|'.join((name, *steps))}\ue001")

    def through(self, step: str) -> Hole:
        return Hole(self[1:-1], step)


def render_email(name: str, *, subject: str, **context: object) -> RenderedEmail:
    """Render ``templates/email/<name>.txt`` and ``<name>.html``; both see ``subject`` and ``context``.

    Raises jinja2.UndefinedError for a value that a template asks for and nobody gave, and jinja2.TemplateNotFound.
    """
    subject = one_line(subject)
    text, html = (
        _environment().get_template(f"{name}.{part}").render(context, subject=subject) for part in ("txt", "html")
    )
    return RenderedEmail(subject, text.strip() + "\n", html.strip() + "\n")


def printable(text: str) -> str:
    """Take out what can disguise or break a mail: controls (not tab and newline), bidi overrides, lone surrogates."""
    return _UNPRINTABLE.sub("", text)


def one_line(text: str) -> str:
    """Printable text on one line, with single spaces."""
    return printable(" ".join(text.split()))


def wrap(text: str, indent: int = 0, *, hang: bool = False) -> str:
    """Fill lines of at most 78 characters, indented by ``indent`` spaces; with ``hang`` the first one has its margin."""
    text, margin = one_line(text), " " * indent
    if indent + len(text) > COLUMNS:  # most names and titles are shorter, and textwrap is slow
        text = textwrap.fill(
            text, width=COLUMNS, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False
        ).removeprefix(margin)
    return text if hang else margin + text


def margin(number: object, width: int) -> str:
    """``3.`` in that many columns."""
    return f"{number}.".ljust(width)


def fold(text: str) -> Markup:
    """Escape ``text`` for HTML and break its source into lines well under 998 octets, even where it has no spaces.

    A space becomes a newline, which shows the same; a run of 60 characters gets a ``<wbr>``, with the newline inside
    the tag, where it shows nothing.
    """
    marked = _LONG_RUN.sub("\\g<0>\0", printable(text))
    return escape(_LONG_LINE.sub("\\1\n", marked)).replace("\0", Markup("<wbr\n>"))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html"], default=False),
        trim_blocks=True,
        lstrip_blocks=True,
        # Markup has been through here already, as the output of a macro or of fold.
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters |= {"fold": fold, "wrap": wrap, "margin": margin}
    return environment
