"""Symbols of TeX commands: pylatexenc's table, and additions from scientific titles and abstracts."""

from __future__ import annotations

import re
from typing import Final

from pylatexenc.latex2text import get_default_latex_context_db


def names_in(names: str) -> tuple[str, ...]:
    """Split a list of names written as one string."""
    return tuple(names.split())


_BEYOND = """
    dash — lq ‘ rq ’ textless < textgreater > textasciitilde ~ textasciicircum ^ textunderscore _ lbrace { rbrace }
    eg e.g. ie i.e. etc etc. LaTeX LaTeX TeX TeX varPhi Φ epsilon ε phi φ Re ℜ Im ℑ S § P ¶ degree ° textdegree °
    prime ′ dag † star ⋆ colon : bullet • item • iff ⟺ implies ⟹ leadsto ⇝ lVert ‖ rVert ‖ lvert | rvert | land ∧ lor ∨
    blacksquare ■ square □ qed □ checkmark ✓ cmark ✓ xmark ✗ bigotimes ⨂ bigoplus ⨁
"""


def _symbols() -> dict[str, str]:
    table = {}
    for spec in get_default_latex_context_db().iter_macro_specs():
        drawn = getattr(spec, "simplify_repl", None)
        if isinstance(drawn, str) and spec.macroname.isalpha() and not re.search(r"[%<]", drawn):
            table[spec.macroname] = " " if drawn.isspace() else drawn
    beyond = names_in(_BEYOND)
    return table | dict(zip(beyond[::2], beyond[1::2], strict=True)) | {"etal": "et al."}


SYMBOLS: Final = _symbols()
"""Symbol of each command without arguments. Below, commands are grouped by what they do with their arguments."""

# TeX ignores the space after these.
LETTERS = frozenset(names_in("o O l L i j aa AA ae AE oe OE ss dh DH th TH dj DJ ng NG"))
OPERATORS = frozenset(names_in("Pr poly polylog argmax argmin tr rank diag sgn supp"))
_SWITCHES = """
    em bf it rm sc sf sl tt cal bfseries itshape scshape ttfamily sffamily rmfamily normalfont mathnormal
    boldmath tiny scriptsize footnotesize small normalsize large Large LARGE huge Huge displaystyle textstyle
    scriptstyle limits nolimits allowbreak noindent par newline linebreak centering protect relax bigskip
    medskip smallskip xspace left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr
    bigm Bigm
"""
SWITCHES = frozenset(names_in(_SWITCHES))
_WRAPPERS = """
    emph text textrm textit textbf textsc textsl texttt textsf textup textmd textnormal mbox hbox fbox mathrm
    mathbf mathit mathsf mathtt mathcal mathscr mathfrak mathbb mathds boldsymbol bm pmb ensuremath underline
    overline uline widetilde widehat overbrace underbrace overrightarrow overleftarrow mathop mathbin mathrel
    mathord uppercase lowercase MakeUppercase url path nolinkurl centerline smash cancel sout hl footnotemark
    operatorname section subsection paragraph title
"""
WRAPPERS = frozenset(names_in(_WRAPPERS))
ARGUMENT_DROPPED = frozenset(
    names_in("begin end color label phantom vphantom hphantom vspace hspace vskip hskip input")
)
FIRST_DROPPED = frozenset(names_in("textcolor colorbox scalebox raisebox texorpdfstring"))
CITES = frozenset(names_in("cite citet citep citealt citeauthor citeyear ref eqref autoref cref Cref pageref"))
FRACTIONS = frozenset(names_in("frac dfrac tfrac cfrac nicefrac sfrac textfrac"))
BRACKETS = {"norm": ("‖", "‖"), "abs": ("|", "|"), "ceil": ("⌈", "⌉"), "floor": ("⌊", "⌋"), "set": ("{", "}")}

SIGN_ACCENTS = dict(zip("'`^\"~=.", "\u0301\u0300\u0302\u0308\u0303\u0304\u0307", strict=True))
NAMED_ACCENTS = dict(
    zip(
        names_in("u v H c d b k r hat tilde bar vec dot ddot check breve acute grave mathring"),
        "\u0306\u030c\u030b\u0327\u0323\u0331\u0328\u030a"
        "\u0302\u0303\u0304\u20d7\u0307\u0308\u030c\u0306\u0301\u0300\u030a",
        strict=True,
    )
)
SPACING_SIGNS = dict.fromkeys(" \t,;:>", " ") | dict.fromkeys("!-/@*", "") | {"|": "‖", "\\": " "}

SUPERSCRIPTS = str.maketrans(
    "0123456789+-−=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWαβγδθφχ",
    "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵅᵝᵞᵟᶿᵠᵡ",
)
SUBSCRIPTS = str.maketrans("0123456789+-−=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ")
RAISED = {"*": "*", "∗": "*", "∘": "°", "⋆": "⋆", "⊤": "ᵀ", "′": "′", "'": "′", "''": "″", "†": "†", "‡": "‡", "°": "°"}
# Longer scripts are hard to read in small letters and become ^(…).
LONGEST_SCRIPT = 8
