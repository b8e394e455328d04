"""Draw MathML as readable Unicode on one line, as formulas of TeX are drawn: 10⁵, T_c, √2, 1/3."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from digest.text import symbols
from digest.text.tex import accent, bracketed, is_function, script

ATTRIBUTES = r"""(?:\s+[\w:.-]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>=]+))?)*\s*/?"""
"""Pattern of what may stand between the name of a tag and its end."""

# Nested elements: a formula has ten, an attack has thousands.
_DEEPEST = 50

_TOKENS = symbols.names_in("mi mn mo mtext ms")
_ROWS = symbols.names_in("math mrow mstyle mpadded merror mtd msrow")
_LAYOUTS = symbols.names_in(
    """msup msub msubsup mmultiscripts mfrac mroot mover munder munderover mfenced mtable mtr mlabeledtr semantics
    maction"""
)
_OTHERS = symbols.names_in(
    "msqrt menclose mspace mphantom mprescripts mglyph maligngroup malignmark annotation-xml annotation none"
)
_NAMES = "|".join(sorted((*_TOKENS, *_ROWS, *_LAYOUTS, *_OTHERS), key=len, reverse=True))
_TAG = re.compile(rf"<(/?)(?:[a-z][\w.-]{{0,30}}:)?({_NAMES}){ATTRIBUTES}>", re.I)
# "<mi>" and "<none>" alone may be words of a title
_IS_MATHML = re.compile(r"<(?:[a-z][\w.-]{0,30}:)?math\b|</(?:[a-z][\w.-]{0,30}:)?m[a-z]{1,13}\s*>", re.I)
# JATS gives a formula in TeX and in MathML, one beside the other
_TEX_BESIDE = re.compile(r"<((?:jats:)?tex-math)\b[^<>]*>[^<>]{0,2000}</\1>\s*(?=<(?:[a-z][\w.-]{0,30}:)?math\b)", re.I)

_TEX_BEHIND = re.compile(
    r"(</(?:[a-z][\w.-]{0,30}:)?math\s*>)\s*<((?:jats:)?tex-math)\b[^<>]*>[^<>]{0,2000}</\2>", re.I
)

_SIGNS = str.maketrans({"\\": "∖", "~": "∼", "\u2061": None, "\u2062": None, "\u2063": None, "\u2064": None})
_RELATIONS = frozenset("=≠<>≤≥≈∼≃≅≡≪≫∈∉∋∝⊂⊆⊃⊇→←↔⇒⇔↦≲≳⩽⩾≺≻:")
_TIGHT = re.compile(r" ([^\w\s<>]) ")
_ACCENTS = {"¯": "\u0304", "ˉ": "\u0304", "‾": "\u0304", "^": "\u0302", "ˆ": "\u0302", "∼": "\u0303", "˜": "\u0303"} | {
    "→": "\u20d7", "⃗": "\u20d7", "˙": "\u0307", ".": "\u0307", "¨": "\u0308", "ˇ": "\u030c", "˘": "\u0306",
}  # fmt: skip
_FENCES = frozenset(symbols.names_in("() [] {} || ⟨⟩ ‖‖ |⟩ ⟨|"))
_DECORATIONS = frozenset("_⏞⏟︷︸⎴⎵\u0332")


@dataclass(slots=True)
class _Element:
    name: str
    tag: str = ""
    children: list[_Element | str] = field(default_factory=list)

    def elements(self) -> list[_Element]:
        return [child for child in self.children if isinstance(child, _Element)]

    def attribute(self, name: str, otherwise: str = "") -> str:
        match = re.search(rf"\s{name}\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", self.tag)
        return otherwise if match is None else (match[1] if match[1] is not None else match[2])


def without_mathml(text: str) -> str:
    """Replace the MathML of ``text``, plain or prefixed, whole or cut, by what it shows. Entities are decoded before.

    Every sign and operator stays; of alternatives the first. Linear in the length of the text.
    """
    if not _IS_MATHML.search(text):
        return text
    drawn: list[str] = []
    for child in _tree(_TEX_BEHIND.sub(r"\1", _TEX_BESIDE.sub("", text))).children:
        piece = child if isinstance(child, str) else _draw(child)
        # publishers lose the space before a formula
        if not isinstance(child, str) and drawn and re.search(r"[a-z]{2}\Z", drawn[-1][-2:]) and piece[:1].isalpha():
            drawn.append(" ")
        drawn.append(piece)
    return "".join(drawn)


def _tree(text: str) -> _Element:
    root = _Element("")
    stack, at, too_deep = [root], 0, 0
    for match in _TAG.finditer(text):
        _add_text(stack[-1], text[at : match.start()])
        at, name = match.end(), match[2].lower()
        if match[1]:
            if too_deep:
                too_deep -= 1
            elif name in (open_names := [element.name for element in stack]):
                del stack[len(open_names) - 1 - open_names[::-1].index(name) :]
            continue
        if stack[-1].name in _TOKENS:  # it was not closed: a token holds no element
            stack.pop()
        is_empty = match[0].endswith("/>")
        if len(stack) > _DEEPEST:
            too_deep += not is_empty
            continue
        element = _Element(name, match[0])
        stack[-1].children.append(element)
        if not is_empty:
            stack.append(element)
    _add_text(stack[-1], text[at:])
    return root


def _add_text(element: _Element, text: str) -> None:
    if not element.name or element.name in _TOKENS:
        element.children.append(text)
    elif text.strip():
        element.children.append(f" {text.strip()} ")


def _draw(element: _Element) -> str:
    """Draw one element with all that is in it, each part once."""
    match element.name:
        case "mi" | "mn" | "mo" | "mtext" | "ms":
            return _token(element)
        case "msqrt":
            return "√" + bracketed(_row(element.children))
        case "menclose" if "radical" in element.attribute("notation"):
            return "√" + bracketed(_row(element.children))
        case "mspace":
            return "" if re.match(r"-|0(?!\.?\d*[1-9])", element.attribute("width", "1")) else " "
        case "mglyph":
            return element.attribute("alt")
        case "mphantom" | "none" | "mprescripts":
            return ""
        case "math" if not element.children:
            return element.attribute("alttext")
        case name if name in _LAYOUTS:
            parts = element.elements()
            return _laid_out(element, parts, [_draw(part) for part in parts])
        case _:
            return _row(element.children)


def _laid_out(element: _Element, parts: list[_Element], drawn: list[str]) -> str:
    """Put the drawn parts of an element together."""
    first, second, third = (*drawn, "", "", "")[:3]
    match element.name:
        case "msup":
            return _base(parts, first) + _script("^", second)
        case "msub" | "msubsup":
            return _base(parts, first) + _script("_", second) + _script("^", third)
        case "mmultiscripts":
            return _multiscripts(parts, drawn)
        case "mfrac":
            if re.match(r"0(?!\.?\d*[1-9])", element.attribute("linethickness")):
                return f"C({first}, {second})"
            return f"{bracketed(first)}/{bracketed(second)}"
        case "mroot":
            return ({"3": "∛", "4": "∜"}.get(second) or f"{_script('^', second)}√") + bracketed(first)
        case "mover":
            return _stacked(first, over=second)
        case "munder" | "munderover":
            return _stacked(first, under=second, over=third)
        case "mfenced":
            separator = f"{element.attribute('separators', ',').strip()[:1]} "
            return element.attribute("open", "(") + separator.join(drawn) + element.attribute("close", ")")
        case "mtable" | "mtr" | "mlabeledtr":
            return ("; " if element.name == "mtable" else ", ").join(filter(None, drawn))
        case _:  # semantics and maction show the first
            return first


def _token(element: _Element) -> str:
    text = "".join(child for child in element.children if isinstance(child, str))
    text = html.unescape(html.unescape(text))  # feeds escape operators up to three times
    if element.name in ("mtext", "ms"):
        return text.translate(_SIGNS)
    text = " ".join(text.split()).translate(_SIGNS)
    if element.name == "mo" and text in _RELATIONS:
        return f" {text} "
    return f"{text} " if element.name == "mo" and text in (",", ";") else text


def _row(children: Iterable[_Element | str]) -> str:
    """Draw elements beside each other: a fraction in brackets and a function's name apart where they touch others."""
    pieces: list[str] = []
    touching = ""  # what the last piece is: "fraction", "function" or neither
    for kind, piece in _pieces(children):
        last = pieces[-1][-1:] if pieces else ""
        if kind == "fraction" and last.isalnum():
            kind, piece = "", f"({piece})"
        elif kind == "function" and (last.isalnum() or last in tuple(")]}")):
            piece = " " + piece
        if touching == "fraction" and piece[:1].isalnum():
            pieces[-1] = f"({pieces[-1]})"
        elif touching == "function" and piece[:1].isalnum():
            pieces.append(" ")
        pieces.append(piece)
        touching = kind
    return "".join(pieces)


def _pieces(children: Iterable[_Element | str]) -> Iterator[tuple[str, str]]:
    for child in children:
        if isinstance(child, str):
            yield "", child
        elif piece := _draw(child):
            inner = _inner(child)
            is_name = inner.name in ("mi", "mo") and is_function(piece)
            yield "function" if is_name else "fraction" if inner.name == "mfrac" else "", piece


def _inner(element: _Element) -> _Element:
    """Return what rows of a single element hold."""
    while element.name in _ROWS and len(element.children) == 1 and isinstance(element.children[0], _Element):
        element = element.children[0]
    return element


def _base(parts: list[_Element], drawn: str) -> str:
    """Put brackets around a base of several signs, unless it brings its own."""
    if (
        not parts
        or _inner(parts[0]).name in _TOKENS
        or (drawn[:1] in tuple("([{|⟨‖") and drawn[-1:] in tuple(")]}|⟩‖"))
    ):
        return drawn
    return bracketed(drawn) if drawn.strip() else ""


def _script(mark: str, drawn: str) -> str:
    return script(mark, _TIGHT.sub(r"\1", drawn))


def _multiscripts(parts: list[_Element], drawn: list[str]) -> str:
    """Put scripts after a base, in pairs, and those behind ``mprescripts`` before it."""
    sides, side, mark = ["", ""], 1, "_"
    for part, piece in zip(parts[1:], drawn[1:], strict=True):
        if part.name == "mprescripts":
            side, mark = 0, "_"
        else:
            sides[side] += _script(mark, piece)
            mark = "^" if mark == "_" else "_"
    return sides[0] + (_base(parts, drawn[0]) if parts else "") + sides[1]


def _stacked(base: str, *, under: str = "", over: str = "") -> str:
    """Draw what stands under or over a base: accents on it, braces and lines left out, all else as scripts."""
    under, over = under.strip(), over.strip()
    if under and under not in _ACCENTS and not set(under) <= _DECORATIONS:
        base += _script("_", under)
    if over in _ACCENTS:
        return accent(base, _ACCENTS[over])
    return base if set(over) <= _DECORATIONS else base + _script("^", over)
