"""Find raw TeX in cleaned text, and words that the cleaning lost: two figures that say how clean the texts are."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final

from digest.text.stripped import COLOURS, NO_WORDS, UNMISTAKABLE
from digest.text.symbols import SYMBOLS, names_in

RESIDUE: Final = re.compile(
    rf"""
      \\                                        # any backslash: \alpha, \"o, \%, \,
    | [\^_]\{{                                  # a script not drawn
    | \{{[^{{}},;:|=…<>≤≥∈]*\}}                 # a group of TeX's: braces that hold no set, list or condition
    | \{{[^{{}}]*\Z | \A[^{{}}]*\}}             # a brace without its other half
    | \$(?![\d\s.])[^$]{{0,200}}\$              # dollars around maths, not before amounts
    | \$\d[\d.,]*\$
    | ``                                        # opening quotes
    | [A-Za-z]{{2}}[.,;:)]?~[A-Za-z(\[]         # TeX's space that does not break
    | (?:{"|".join(UNMISTAKABLE)})              # names without their backslash, glued to others or not
    | (?<![A-Za-z])(?:{"|".join(NO_WORDS)})(?![A-Za-z])
    | \b(?:script|footnote|normal)size(?=[A-Z]) | \btext(?:bf|it|sc|tt)
    | \^(?:alpha|beta|gamma|delta|circ|star|top|prime|dagger|times)(?![a-z])
    | \b(?:alpha|beta|gamma|delta|epsilon|theta|lambda|sigma|omega|rho)\^
    | </?mml: | </m[a-z]{{1,13}}> | <m(?:ath|row|sup|sub|subsup|frac|sqrt|root|over|under|text|style)\b   # MathML
    """,
    re.X,
)
"""Raw TeX and MathML that a reader must never see: ``RESIDUE.search(text)`` on cleaned text finds the first of it."""

_MARKUP = re.compile(
    rf"\b(?:{'|'.join(COLOURS)})(?=\{{)"
    r"|(?<=\{)(?:bf|cal|rm|tt|sf|em)(?= )"
    r"|\\(?:begin|end|color|label|input|vspace|hspace)\s*\{[^{}]*\}|\\(?:textcolor|colorbox)\s*\{[^{}]*\}"
    r"|</?(?:jats:|mml:)?(?:p|b|i|em|strong|su[bp]|sec|title|italic|bold|a|span|div|br|li|ul|ol)\b[^<>]*>"
)
_LETTER_COMMAND = re.compile(r"\\(ae|AE|oe|OE|aa|AA|ss|o|O|l|L|i|j)(?![A-Za-z])\s?")
_ACCENT = re.compile(r"\\(?:[HcvukrdbG](?=[\s{])\s*|['`^~=.\-\x22])")
_BRACE = "\ue000"
_WORD = re.compile(rf"[^\W\d_]+(?:{_BRACE}+[^\W\d_]+)*")
_FORMATS = frozenset(UNMISTAKABLE) | frozenset(
    names_in("scriptsize footnotesize normalsize tilde sqrt frac text textbf textit textsc texttt")
)
_DRAWN = {name.casefold(): (drawn,) for name, drawn in SYMBOLS.items() if len(name) > 2 and not drawn.isascii()} | {
    "in": ("∈",), "to": ("→",), "top": ("⊤", "ᵀ"), "circ": ("∘", "°"),
}  # fmt: skip
_INFIX = r"(?<=^[a-z])(?:in|to)(?=[a-z]?$|infty)"
_NAMES = re.compile("|".join((_INFIX, *sorted(_FORMATS | _DRAWN.keys() - {"in", "to"}, key=len, reverse=True))))


def lost_words(before: str, after: str) -> list[str]:
    """The words of three letters or more that a reader would see in ``before`` and cannot find in ``after``.

    It knows nothing of how the cleaning works: markup is taken out of ``before`` (names behind a backslash,
    environments, known tags, accents' signs), and what is left is looked up among the words of ``after``, without case
    and accents. A word that is a command's name without its backslash may have become that command's symbol.
    """
    raw = _MARKUP.sub(" ", html.unescape(before))
    raw = re.sub(r"\b([A-Z])left\(([^()]*)\bright\)", r"\1(\2)", raw)
    raw = _ACCENT.sub("", _LETTER_COMMAND.sub(lambda m: m[1] if m[1] in "ij" else SYMBOLS[m[1]], raw))
    raw = re.sub(r"\\(?:[A-Za-z]+|.)", " ", raw, flags=re.S)
    kept = "\n".join(_words(after))
    symbols = unicodedata.normalize("NFKC", after).casefold().replace("ɑ", "α")
    return [word.replace(_BRACE, "") for word in _words(re.sub("[{}]", _BRACE, raw)) if not _found(word, kept, symbols)]


def _words(text: str) -> dict[str, None]:
    text = "".join(c for c in text if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    decomposed = unicodedata.normalize("NFKD", re.sub(r"['’´]", "", text))
    return dict.fromkeys(_WORD.findall("".join(c for c in decomposed if not unicodedata.combining(c)).casefold()))


def _found(word: str, kept: str, symbols: str) -> bool:
    """Whether ``word``, or every part of it that a brace ends, is one of the ``kept`` words or a part of one."""
    return any(
        all(len(part) < 3 or part in kept or _became_symbol(part, kept, symbols) for part in parts)
        for parts in ([word.replace(_BRACE, "")], word.split(_BRACE))
    )


def _became_symbol(word: str, kept: str, symbols: str) -> bool:
    names = _NAMES.findall(word)
    signs = [
        [unicodedata.normalize("NFKC", sign).casefold() for sign in _DRAWN[name]] for name in names if name in _DRAWN
    ]
    return (
        bool(names)
        and all(rest in kept for rest in _NAMES.split(word))
        and all(any(sign in symbols for sign in either) for either in signs)
    )
