"""Render Jinja templates to an e-mail in two parts. Knows nothing of papers, readers or the database."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from subscriptions.mail.encodings import Encoding
from subscriptions.mail.marks import gettext, ngettext
from subscriptions.mail.template_cache import CompiledTemplate, Step

TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "email"
COLUMNS = 78  # of the text part, RFC 5322 section 2.1.1

# Controls, bidirectional overrides and isolates, line and paragraph separators, lone surrogates, non-characters; and
# the marks of a Placeholder.
_DISGUISES = "\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff"
_UNPRINTABLE = re.compile(f"[{_DISGUISES}\ue000\ue001]")
_UNPRINTABLE_BUT_MARKS = re.compile(f"[{_DISGUISES}]")
_LONG_RUN = re.compile(r"[^ \n]{60}(?=[^ \n])")
_LONGEST_LINK = 500  # characters that are kept whole
_LONG_LINE = re.compile(r"([^\n\0]{60,120}?) ")  # bounded: otherwise quadratic in a text without spaces


@dataclass(frozen=True, slots=True)
class RenderedEmail:
    """An e-mail: a subject of one line, and the same words as text and as HTML."""

    subject: str
    text: str
    html: str


def render_email(name: str, *, subject: str, **context: object) -> RenderedEmail:
    """Render ``templates/email/<name>.txt`` and ``<name>.html`` with ``subject`` and ``context``.

    Raise jinja2.UndefinedError for a missing value, and jinja2.TemplateNotFound.
    """
    subject = one_line(subject)
    text, html = (
        _environment().get_template(f"{name}.{part}").render(context, subject=subject) for part in ("txt", "html")
    )
    return RenderedEmail(subject, text.strip() + "\n", html.strip() + "\n")


def printable(text: str) -> str:
    """Remove what can disguise or break a mail: controls (not tab and newline), bidi overrides, lone surrogates."""
    # str.isprintable is faster, and True for nothing that is removed here
    return text if text.isprintable() else _UNPRINTABLE.sub("", text)


def one_line(text: str) -> str:
    """Return printable text on one line, with single spaces."""
    text = " ".join(text.split())
    clean = printable(text)
    return clean if clean == text else " ".join(clean.split())


def wrap(text: str, indent: int = 0, *, hang: bool = False) -> str:
    """Fill lines of at most 78 characters, indented by ``indent`` spaces; with ``hang`` all but the first.

    A longer link is kept whole on a line of its own.
    """
    blank = " " * indent
    filled = f"\n{blank}".join(_lines(one_line(text), COLUMNS - indent))
    return filled if hang else blank + filled


def _lines(text: str, width: int) -> list[str]:
    """Fill lines as ``textwrap`` does, thirty times as fast."""
    lines, start = [], 0
    while len(text) - start > width:
        end = text.rfind(" ", start, start + width + 1)
        if end < 0:  # a word is longer than a line
            long_words = [word for word in text.split(" ") if len(word) > width]
            are_links = all("://" in word and len(word) <= _LONGEST_LINK for word in long_words)
            return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=not are_links)
        lines.append(text[start:end])
        start = end + 1
    return [*lines, text[start:]]


def margin(number: object, width: int) -> str:
    """Return ``3.`` padded to that many columns."""
    return f"{number}.".ljust(width)


def fold(text: str) -> Markup:
    """Escape ``text`` for HTML and break its source into lines well under 998 octets, even if it has no spaces.

    A space becomes a newline, which looks the same; a run of 60 characters gets a ``<wbr>`` with the newline inside
    the tag, where it is invisible.
    """
    text = printable(text)
    if len(text) <= 60:
        return escape(text)
    if max(map(len, text.split(" "))) <= 60:
        return escape(_LONG_LINE.sub("\\1\n", text) if "\n" in text else _folded(text))
    marked = _LONG_RUN.sub("\\g<0>\0", text)
    return escape(_LONG_LINE.sub("\\1\n", marked)).replace("\0", Markup("<wbr\n>"))


def _folded(line: str) -> str:
    """Break a line without long words as ``_LONG_LINE`` does, three times as fast."""
    lines, start = [], 0
    while (end := line.find(" ", start + 60)) >= 0:
        lines.append(line[start:end])
        start = end + 1
    return "\n".join([*lines, line[start:]])


class Placeholder(str):
    """A mark for a value that is filled in later; it records the filters that are applied to it."""

    __slots__ = ()

    def __new__(cls, name: str, *steps: str) -> Placeholder:
        return super().__new__(cls, f"\ue000{'|'.join((name, *steps))}\ue001")

    def through(self, step: str) -> Placeholder:
        return Placeholder(self[1:-1], step)


def compile_template(template: str, encoding: Encoding, macro: str = "", **context: object) -> CompiledTemplate:
    """Render a template or one macro of it for many mails; each :class:`Placeholder` in ``context`` is filled later."""
    found = _environment().get_template(template)
    rendered = str(getattr(found.module, macro)(**context)) if macro else found.render(context).strip() + "\n"
    return CompiledTemplate.of(rendered, encoding, partial(_step, encoding, html=template.endswith(".html")))


def template_value(template: str, name: str) -> Any:
    """Return what a template sets under a name. Raise AttributeError without it."""
    return getattr(_environment().get_template(template).module, name)


@cache  # so that equal steps are the same object, which is a cache key
def _step(encoding: Encoding, names: tuple[str, ...], *, html: bool) -> Step:
    filters = [_kept_filters[name] for name in names]

    def done_to(value: str) -> bytes:
        text = value if filters else printable(value)  # each filter calls ``printable`` itself
        for each in filters:
            text = each(text)
        return encoding.encode(escape(text) if html and not isinstance(text, Markup) else text)

    return done_to


_kept_filters: dict[str, Callable[[str], str]] = {}


def _with_placeholders(name: str, change: Callable[..., str]) -> Callable[..., str]:
    """Return the filter, changed so that it records itself on a Placeholder instead of filtering it."""

    def filtered(value: Any, *arguments: object, **options: object) -> str:
        if not isinstance(value, Placeholder):
            return change(value, *arguments, **options)
        step = f"{name}{arguments}{options}"
        # most have no arguments, and are called for each mail
        _kept_filters[step] = (lambda text: change(text, *arguments, **options)) if arguments or options else change
        return value.through(step)

    return filtered


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        auto_reload=False,  # each template is asked for once a paper, and would look at its file
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html"], default=False),
        trim_blocks=True,
        lstrip_blocks=True,
        # Markup, from a macro or fold, is clean already. Macros of text templates return plain strings, and marks in
        # them must stay: filters have removed those in values from outside.
        finalize=lambda value: (
            value if type(value) is not str or value.isprintable() else _UNPRINTABLE_BUT_MARKS.sub("", value)
        ),
    )
    filters: dict[str, Callable[..., str]] = {"fold": fold, "wrap": wrap, "margin": margin}
    environment.add_extension("jinja2.ext.i18n")
    # added by the extension, which the stubs of Environment do not know
    environment.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.filters |= {name: _with_placeholders(name, change) for name, change in filters.items()}
    return environment
