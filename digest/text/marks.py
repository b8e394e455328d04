"""Remove invisible characters and HTML, the first step of cleaning a text."""

from __future__ import annotations

import html
import re
import unicodedata

import nh3

from digest.text.highwire import without_highwire
from digest.text.limits import MOST_OF_NAMES
from digest.text.mathml import ATTRIBUTES, without_mathml
from subscriptions.unicode_text import normalise

_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

_BLOCK = r"p|br|div|h[1-6]|hr|li|ul|ol|dl|dd|dt|tr|td|th|table|thead|tbody|blockquote|pre|sec|st|title|list|list-item"
_INLINE = (
    r"a|b|i|u|s|em|strong|small|big|span|font|code|tt|kbd|samp|mark|del|ins|cite|abbr|q|img|sc|bold|italic|underline"
    r"|monospace|xref|ext-link|named-content|styled-content|inline-formula|disp-formula|inline-graphic|graphic"
    r"|tex-math|alternatives|label|html|head|body|section|article|script|style|iframe|svg|math|su[bp]"
)
# Only names that HTML, JATS or MathML know: the "<think>", "<EOS>" and "a < b" of titles and abstracts are words.
_TAG = re.compile(rf"<(/?)({_BLOCK}|{_INLINE}){ATTRIBUTES}>|<(!--)", re.I)
_BLOCK_TAG = re.compile(rf"</?(?:jats:|xhtml:)?(?:{_BLOCK}){ATTRIBUTES}>", re.I)
_FOREIGN_TAG = re.compile(rf"</?(?:jats|xhtml|mml):[\w-]+{ATTRIBUTES}>", re.I)
_SCRIPT_TAG = re.compile(r"<((?:jats:)?su[bp])>([^<>]{1,60})</\1>", re.I)
# A whole document around one formula, as Springer's journals give it. No pattern here repeats a group possessively:
# Python before 3.11.5, Debian 12's among them, matches that wrongly (gh-106052, gh-100061).
_TEX_DOCUMENT = re.compile(
    r"\\documentclass\b[^\\]*(?:\\(?!documentclass|begin\{document\})[^\\]*)*"
    r"\\begin\{document\}(.{0,2000}?)\\end\{document\}",
    re.S,
)
# Without a closing tag these are a comparison ("a<b>c"), or removing them would remove the rest of the text.
_ONLY_IN_PAIRS = frozenset(["a", "b", "i", "q", "s", "u", "script", "style", "iframe", "svg", "math"])


def visible(text: str) -> str:
    """Return ``text`` on one line in NFC, with single spaces and without invisible characters.

    Removes controls, NUL, lone surrogates, bidi overrides and isolates, zero-width characters, soft hyphens and the
    byte order mark. A (non-)joiner between two characters beyond Latin stays: Persian and emoji need it. The styled
    letters of Unicode's mathematical block become plain letters, so that screen readers and searches know them.
    """
    text = " ".join(text.split())
    if not text.isprintable():
        text = " ".join("".join(_visible_characters(text)).split())
    text = normalise("NFC", text, limit=MOST_OF_NAMES)
    return re.sub(r"[\U0001d400-\U0001d7ff]", lambda m: normalise("NFKC", m[0], limit=1), text)


def _visible_characters(text: str) -> list[str]:
    kept: list[str] = []
    joiner = ""
    for character in text:
        if character.isspace():
            kept.append(" ")
        elif character in "\u200c\u200d":
            joiner = character if kept and _takes_joiner(kept[-1]) else ""
            continue
        elif unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co") and ord(character) & 0xFFFE != 0xFFFE:
            if joiner and _takes_joiner(character):
                kept.append(joiner)
            kept.append(character)
        else:
            continue
        joiner = ""
    return kept


def _takes_joiner(character: str) -> bool:
    return ord(character) > 0x52F and not character.isspace()


def without_html(text: str) -> str:
    """Decode the entities of ``text``, draw its MathML and remove HTML and JATS; ``<sub>`` and ``<sup>`` become TeX.

    A ``<`` that opens no known tag belongs to a word or a formula and stays: ``p<0.05``, ``a < b``, ``<think>``.
    """
    text = without_highwire(text)
    if "\\documentclass" in text:
        text = _TEX_DOCUMENT.sub(r"\1", text)
    if "&" in text:
        text = _ENTITY.sub(lambda m: html.unescape(m[0]), text)
    if "<" not in text:
        return text
    text = without_mathml(text)
    text = _SCRIPT_TAG.sub(lambda m: ("_" if m[1][-1] in "bB" else "^") + "{" + m[2] + "}", text)
    text = _FOREIGN_TAG.sub("", _BLOCK_TAG.sub(" ", text))
    if not _TAG.search(text):
        return text
    lower = text.lower()
    last = {name: lower.rfind(f"</{name}>") for name in _ONLY_IN_PAIRS} | {"!--": lower.rfind("-->")}
    text = re.sub("[<&]", lambda m: m[0] if _is_tag(text, m.start(), last) else html.escape(m[0]), text)
    return html.unescape(nh3.clean(text, tags=set()))


def _is_tag(text: str, at: int, last: dict[str, int]) -> bool:
    """Return whether the ``<`` at ``at`` opens a known tag; ``last`` maps each paired tag to its last closing tag."""
    match = _TAG.match(text, at)
    if not match:
        return False
    name = (match[2] or match[3]).lower()
    return bool(match[1]) or last.get(name, at) >= at
