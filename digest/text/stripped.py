r"""Restore lost backslashes: ``mathcal{O}(nvarepsilon^{-1})`` becomes ``\mathcal{O}(n\varepsilon^{-1})``.

The names below get their backslash back only next to braces, scripts, digits or operators that show a formula: "times",
"alpha" and "top" are words too.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import Final

from digest.text.dollars import maths_spans
from digest.text.symbols import names_in

_GREEK = names_in(
    """varepsilon vartheta varphi varrho varsigma epsilon upsilon lambda alpha gamma delta theta kappa sigma omega zeta
    beta iota Upsilon Epsilon Lambda Gamma Delta Theta Sigma Omega Phi Psi rho tau phi chi psi eta Xi Pi mu nu xi pi"""
)
_LONG = names_in(
    """rightarrow leftarrow subseteq bigotimes bigoplus setminus otimes oplus infty nabla partial times cdots cdot circ
    ldots mapsto propto lceil rceil lfloor rfloor langle rangle forall exists approx equiv leq geq neq"""
)
_SHORT = names_in("in to le ge ll gg pm cup cap sim ell sum prod log")
_RAISED_ONLY = names_in("top star ast prime dagger perp")
_ALPHABETS = names_in("mathcal mathbb mathbf mathrm mathsf mathfrak mathscr boldsymbol")
_WRAPPERS = (*_ALPHABETS, *names_in("operatorname sqrt overline widetilde widehat"))
_WORDLIKE_WRAPPERS = names_in("tilde hat bar vec text textbf textit textsc texttt emph frac binom underline")
_SIGNS = names_in("varepsilon vartheta varphi bigotimes bigoplus lceil rceil lfloor rfloor infty subseteq")

UNMISTAKABLE: Final = (*_ALPHABETS, *_SIGNS)
"""Names that are part of no word of any language: each occurrence is raw TeX."""
NO_WORDS: Final = names_in("cdot cdots leq geq neq")
"""Names that are not words, but parts of words like "inequality" and "anecdote"."""
COLOURS: Final = names_in("red blue green teal orange purple cyan magenta violet brown gray")


def _any(*names: tuple[str, ...]) -> str:
    """Return a pattern for any of the names, the longest first, so that ``varepsilon`` is not read as ``epsilon``."""
    return "|".join(sorted(chain(*names), key=len, reverse=True))


EVIDENCE: Final = re.compile(
    r"[\\^{}$]|(?<![A-Za-z])[A-Za-z]_\w|(?:\d|[A-Z]) ?times|(?:script|footnote|normal)size[A-Z]"
    rf"|text(?:bf|it|sc|tt)[A-Za-z]|{'|'.join(UNMISTAKABLE)}|(?<![A-Za-z])(?:{'|'.join(NO_WORDS)})(?![A-Za-z])"
)
"""Pattern that a text must match before any name in it is taken for TeX."""
_ADDRESS = re.compile(r"(https?://\S+)")
_NO_LETTER = r"(?<![A-Za-z\\])"
_GREEK_OR_LONG = tuple(name for name in _GREEK + _LONG if len(name) > 3 or name[0].isupper())
_LONGEST = tuple(name for name in _GREEK_OR_LONG if len(name) > 4)  # these may be glued to letters
_OPERAND_BEFORE = r"(?:(?<=[\d)\]}])|(?<=\b[A-Za-z]))"
_OPERAND_AFTER = r"(?=\s?(?:\d|[(\[{\\]|[A-Za-z]\b))"

_RULES: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # scriptsizeFLaws, mathcalO
        (r"(?<![A-Za-z])(?:script|footnote|normal)size(?=[A-Z])", ""),
        (rf"{_NO_LETTER}(text(?:bf|it|sc|tt))(?=[A-Za-z])", r"\\\1 "),
        (rf"{_NO_LETTER}(math(?:cal|bb|bf|rm|sf)|boldsymbol) ?(?=[A-Z]|[a-z]\b)", r"\\\1 "),
        # mathcal{O}, sqrt[3]{…}, nLmathcal{O}; text{length}{3}; hat{x}, but not "that{…}"
        (rf"(?<!\\)({_any(_WRAPPERS)})(?=\[\d\]\{{|\{{)", r"\\\1"),
        (rf"{_NO_LETTER}text(\{{[^{{}}]{{1,60}}\}}\{{\w\}})", r"\\frac\1"),
        (rf"{_NO_LETTER}({_any(_WORDLIKE_WRAPPERS)})(?=\{{)", r"\\\1"),
        (rf"{_NO_LETTER}(tilde|hat|bar) ?(?=(?:O|Omega|Theta|mathcal)\b)", r"\\\1 "),
        (r"(?<=\{)(bf|cal|rm|tt|sf|em)(?= )", r"\\\1"),
        (rf"{_NO_LETTER}(?:{'|'.join(COLOURS)})(?=\{{)", ""),
        (r"(?<![a-z])([A-Z])left\(([^()]{0,200})\bright\)", r"\1(\2)"),
        # O(1{t}), V{varepsilon^2} and 1{N_E} were fractions
        (r"(?<=[( ])([A-Za-z0-9])(\{[A-Za-z0-9]\})(?=\))", r"\\frac{\1}\2"),
        (rf"(?<![\w\\}}^])(\w)(\{{(?:{_any(_GREEK)}|(?:\w|{_any(_GREEK)})[_^]\w)\}})", r"\\frac{\1}\2"),
        (rf"(?<=\{{)({_any(_GREEK)})(?=\}})", r"\\\1"),
        # N^{-alpha}, f_theta, QK^top; rho^2, pi_0, nLvarepsilon^{-1}
        (rf"(?<=\^)({_any(_GREEK, _LONG, _RAISED_ONLY)})(?![A-Za-z])", r"\\\1"),
        (rf"(?:(?<=\b[A-Za-z]_)|(?<=[)}}\]]_))({_any(_GREEK, _LONG)})(?![A-Za-z])", r"\\\1"),
        (rf"{_NO_LETTER}({_any(_GREEK)}|nabla|ell|infty|sum|prod)(?=\^|_\{{|_[A-Za-z0-9](?![A-Za-z0-9]))", r"\\\1"),
        (rf"{_NO_LETTER}([A-Za-z]{{1,2}})({_any(_LONGEST)})(?=\^|_\{{)", r"\1\\\2"),
        # alpha=4/d, (4pi)^2, Omega(n), rho<rho^star
        (rf"{_NO_LETTER}({_any(_GREEK)})(?=\s?[=<>]|/[\\\d(])", r"\\\1"),
        (rf"(?<=[=<>])( ?)({_any(_GREEK)})(?![A-Za-z])", r"\1\\\2"),
        (rf"(?<=\d)({_any(_GREEK)})(?![A-Za-z])", r"\\\1"),
        (rf"{_NO_LETTER}(Omega|Theta)(?=\()", r"\\\1"),
        (r"(?<=[\d}])(propto|cdot|leq|geq|approx|otimes|oplus)(?![a-z])", r"\\\1"),
        # XinR^n, dto0, dtoinfty
        (rf"{_NO_LETTER}([A-Z])in([A-Z])(?=\^)", r"\1\\in{}\2"),
        (rf"{_NO_LETTER}([A-Za-z])to(?=infty|0\b)", r"\1\\to{}"),
        # between operands: NO times NO, E[G] approx F(S), 2 pm 0.5
        (r"(?<=\d)times(?![a-z])", r"\\times{}"),
        (r"(?:(?<=\b[A-Zb-z])|(?<=\b[A-Z]{2})|(?<=\d)) ?times ?(?=(?:[B-HJ-Zb-z]|[A-Z]{2,3}|\d+)\b)", r" \\times "),
        (rf"{_OPERAND_BEFORE} (pm|leq?|geq?|gg|ll|sim|approx|cdot|circ|cup|cap|neq){_OPERAND_AFTER}", r" \\\1"),
        (r"(?<=\()sim ?(?=\d)", r"\\sim "),
        (rf"{_NO_LETTER}({_any(_SIGNS, NO_WORDS)})(?![A-Za-z])", r"\\\1"),
        (r"(?<=, )dots(?=[ ,}])", r"\\dots"),
        (r"(?<=[.:;] )bullet(?= [A-Z])", r"\\bullet"),
    )
)  # fmt: skip
_IN_MATHS = re.compile(
    rf"{_NO_LETTER}(?:([A-Za-z]?)((?:{_any(_GREEK_OR_LONG)})+)([A-Za-z]?)|({_any(_SHORT, _GREEK, _LONG)}))(?![A-Za-z])"
)
_NAME = re.compile(_any(_GREEK_OR_LONG))
_COMPOUND = re.compile(rf"{_NO_LETTER}(?:{_any(_GREEK_OR_LONG)}){{2,}}(?![A-Za-z])")  # lambdacdot
_SCRIPT_GROUP = re.compile(r"(?<=[\^_]\{)[^{}]*(?=\})")


def with_backslashes(text: str) -> str:
    """Restore the backslash before TeX names in what is left of a formula."""
    if not EVIDENCE.search(text):
        return text
    pieces = []
    done = 0
    for start, end in maths_spans(text):
        if "\\" not in text[start:end]:
            pieces += [text[done:start], _IN_MATHS.sub(_restored, text[start:end])]
            done = end
    text = "".join((*pieces, text[done:]))
    text = _SCRIPT_GROUP.sub(lambda m: _IN_MATHS.sub(_restored, m[0]), text)
    return "".join(part if at % 2 else _by_rules(part) for at, part in enumerate(_ADDRESS.split(text)))


def _by_rules(text: str) -> str:
    text = _COMPOUND.sub(lambda m: _NAME.sub(r"\\\g<0>{}", m[0]), text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def _restored(match: re.Match[str]) -> str:
    if match[4]:
        return "\\" + match[4]
    return match[1] + _NAME.sub(lambda name: f"\\{name[0]}{{}}", match[2]) + match[3]
