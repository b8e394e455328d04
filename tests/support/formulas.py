"""Formulas in MathML as publishers write them, and what a reader must see of each: for the tests and the bench."""

from __future__ import annotations

import re

FORMULAS = [
    ("<msup><mn>10</mn><mn>5</mn></msup>", "10⁵"),
    ("<msup><mn>10</mn><mrow><mo>−</mo><mn>3</mn></mrow></msup>", "10⁻³"),
    ("<msub><mi>T</mi><mi>c</mi></msub>", "T_c"),
    ("<msubsup><mi>H</mi><mn>2</mn><mo>+</mo></msubsup>", "H₂⁺"),
    ("<msup><mi>B</mi><mn>0</mn></msup><mo>→</mo><msup><mi>K</mi><mo>*</mo></msup>", "B⁰ → K*"),
    ("<msqrt><mn>2</mn></msqrt>", "√2"),
    ("<msqrt><mi>a</mi><mo>+</mo><mi>b</mi></msqrt>", "√(a+b)"),
    ("<mroot><mi>x</mi><mn>3</mn></mroot>", "∛x"),
    ("<mroot><mi>x</mi><mn>5</mn></mroot>", "⁵√x"),
    ("<mfrac><mn>1</mn><mn>3</mn></mfrac>", "1/3"),
    ("<mn>2</mn><mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo><mn>1</mn></mrow></mfrac>", "2(a/(b+1))"),
    ("<mfrac linethickness='0'><mi>n</mi><mi>k</mi></mfrac>", "C(n, k)"),
    ("<msup><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mn>2</mn></msup>", "(a+b)²"),
    ("<mi>E</mi><mo>=</mo><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup>", "E = mc²"),
    ("<mi>p</mi><mo>&lt;</mo><mn>0.05</mn>", "p < 0.05"),
    ("<mi>p</mi><mo>&amp;lt;</mo><mi>b</mi><mo>&gt;</mo><mi>c</mi>", "p < b > c"),
    ("<mi>x</mi><mo>±</mo><mn>0.1</mn><mo>×</mo><mi>y</mi>", "x±0.1×y"),
    ("<mi>A</mi><mo>\\</mo><mi>B</mi>", "A∖B"),
    ("<mi>n</mi><mi>log</mi><mo>&#x2061;</mo><mi>n</mi>", "n log n"),
    ("<mi>sin</mi><mo>&#x2061;</mo><mo>(</mo><mi>x</mi><mo>)</mo>", "sin(x)"),
    ("<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>", "∑ᵢ₌₁ⁿ"),
    ("<munder><mi>lim</mi><mrow><mi>n</mi><mo>→</mo><mi>∞</mi></mrow></munder>", "lim_(n→∞)"),
    ("<mover><mi>x</mi><mo>¯</mo></mover>", "x̄"),
    ("<mmultiscripts><mi>He</mi><mprescripts/><none/><mn>4</mn></mmultiscripts>", "⁴He"),
    ("<msup><mrow/><mn>18</mn></msup><mi mathvariant='normal'>F</mi>", "¹⁸F"),
    ("<mi>Ni</mi><mi mathvariant='normal'>O</mi>", "NiO"),
    ("<mfenced open='[' close=')'><mi>a</mi><mi>b</mi></mfenced>", "[a, b)"),
    ("<mo>{</mo><mn>0</mn><mo>,</mo><mn>1</mn><mo>}</mo>", "{0, 1}"),
    ("<mn>10</mn><mspace width='0.3em'/><mi>GeV</mi>", "10 GeV"),
    ("<msqrt><mi>s</mi></msqrt><mo>=</mo><mn>13</mn><mtext> TeV</mtext>", "√s = 13 TeV"),
    ("<semantics><msup><mi>x</mi><mn>2</mn></msup><annotation encoding='TeX'>x^2</annotation></semantics>", "x²"),
    (
        "<mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>0</mn></mtd></mtr><mtr><mtd><mn>0</mn></mtd></mtr></mtable>",
        "1, 0; 0",
    ),
]


def spellings(formula: str) -> list[str]:
    """Return the formula plain, with prefixes, and escaped once more, as feeds hold it."""
    prefixed = re.sub(r"<(/?)(\w)", r"<\1mml:\2", formula)
    plain = f'<math xmlns="http://www.w3.org/1998/Math/MathML" alttext="a > b">{formula}</math>'
    return [
        plain,
        f'<mml:math xmlns:mml="http://www.w3.org/1998/Math/MathML"><mml:mrow>{prefixed}</mml:mrow></mml:math>',
        plain.replace("&", "&amp;").replace("<", "&lt;"),
    ]
