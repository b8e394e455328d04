"""Formulas in MathML, whole and cut, become what a reader of a mail can read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.text import clean, clean_abstract, mathml
from tests.benchmarks.residue import RESIDUE
from tests.support.formulas import FORMULAS, spellings

PIECES = [piece for formula, _ in FORMULAS for piece in re.findall(r"<[^<>]*>|[^<>]+", spellings(formula)[1])]
hostile = st.lists(st.sampled_from([*PIECES, "words", " ", "<", "</mml:math>", "<i>"]), max_size=60).map("".join)


@pytest.mark.parametrize(("formula", "shown"), FORMULAS)
def test_a_formula_reads_well_however_it_is_spelled(formula: str, shown: str) -> None:
    for spelled in spellings(formula):
        assert clean(f"Bees near {spelled} here") == f"Bees near {shown} here"
        assert clean_abstract(f"<p>Bees.</p><p>{spelled}</p>") == f"Bees. {shown}"


@pytest.mark.parametrize(
    ("cut", "shown"),
    [
        ("with <msqrt><mn>2</mn></msqrt> alone", "with √2 alone"),
        ("<math><msup><mi>x</mi><mn>2", "x²"),
        ("<math><mi>a</mi><mo>≤</mo><mi>b</mi> and then words", "a ≤ b and then words"),
        ("a</mn></math> b", "a b"),
        ("<math><mi>a<mo>+<mi>b</math>", "a+b"),
        (
            "<tex-math>x^2</tex-math><mml:math><mml:msup><mml:mi>x</mml:mi><mml:mn>2</mml:mn></mml:msup></mml:math>",
            "x²",
        ),
        (
            "<mml:math><mml:msup><mml:mi>x</mml:mi><mml:mn>2</mml:mn></mml:msup></mml:math> <tex-math>$x^2$</tex-math>",
            "x²",
        ),
        ("<math alttext='x^2'/> bees", "x² bees"),
        (
            r"Of \documentclass[12pt]{minimal} \usepackage{amsmath} \begin{document}$$x^2$$\end{document} bees",
            "Of x² bees",
        ),
        ("Properties of<math><mi>Y</mi></math>", "Properties of Y"),
        ("A <none> and an <mi> token", "A <none> and an <mi> token"),
    ],
)
def test_cut_and_damaged_formulas_keep_their_words(cut: str, shown: str) -> None:
    assert clean(cut) == shown


@settings(derandomize=True, deadline=None, max_examples=150, database=None)
@given(hostile)
def test_no_tag_is_left_and_cleaning_twice_is_cleaning_once(text: str) -> None:
    shown = clean(text + "</mml:math>")
    assert clean(shown) == shown
    assert not re.search(r"</?mml:|<m(?:row|sup|sub|frac|sqrt)", shown)


def test_each_element_is_drawn_once_however_deep_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    real = mathml._draw
    monkeypatch.setattr(mathml, "_draw", lambda element: drawn.append(element) or real(element))
    for opening in ("<mml:msup><mml:mi>x</mml:mi>", "<mml:mrow>", "<mml:mfenced>", "<mml:msqrt>", "<mml:mover>"):
        for many in (100, 200):
            drawn.clear()
            mathml.without_mathml("<mml:math>" + opening * many + "</mml:math>")
            assert len(drawn) <= 2 * many + 2


def test_mathml_is_residue() -> None:
    assert RESIDUE.search("near <mml:mi>x</mml:mi>")
    assert RESIDUE.search("near <msqrt>2")
    assert not RESIDUE.search("a <none> token and a <mi>")
