"""Texts are normalized in the Stream-Safe Text Format, and nowhere else."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.unicode_text import JOINER, MOST_NON_STARTERS, normalise, stream_safe
from tests.support.paths import ROOT

MARKS = "\u0300\u0327\u0344\u0315\u0f73"
CHARACTERS = st.text(alphabet=st.sampled_from("a\u00e9\u01d5\u1f82\u0f40\u4e2d" + MARKS), max_size=120)


def longest_run(text: str) -> int:
    """The most non-starters in a row, in the decomposed text."""
    decomposed = unicodedata.normalize("NFKD", text)
    runs = "".join("n" if unicodedata.combining(one) else "." for one in decomposed)
    return max(map(len, runs.split(".")))


@given(CHARACTERS)
def test_no_more_than_thirty_non_starters_follow_each_other(text: str) -> None:
    safe = stream_safe(text)
    assert safe.replace(JOINER, "") == text
    assert longest_run(safe) <= MOST_NON_STARTERS
    assert stream_safe(safe) == safe
    if longest_run(text) <= MOST_NON_STARTERS:
        assert safe == text


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a" + "\u0300" * 30, "a" + "\u0300" * 30),
        ("a" + "\u0300" * 31, "a" + "\u0300" * 30 + JOINER + "\u0300"),
        ("\u00e9" + "\u0300" * 30, "\u00e9" + "\u0300" * 29 + JOINER + "\u0300"),
        ("\u0344" * 16, "\u0344" * 15 + JOINER + "\u0344"),
        ("\u4e2d" * 50, "\u4e2d" * 50),
        ("e\u0301" * 40, "e\u0301" * 40),
    ],
    ids=["thirty", "thirty-one", "one of them in the letter", "two in each", "none", "many runs"],
)
def test_a_joiner_comes_before_the_thirty_first(text: str, safe: str) -> None:
    assert stream_safe(text) == safe


def test_a_text_is_cut_first() -> None:
    assert normalise("NFC", "e\u0301" * 10, limit=4) == "\u00e9\u00e9"
    assert normalise("NFKC", "plain", limit=3) == "pla"


def test_nothing_else_normalizes() -> None:
    texts = {
        path.relative_to(ROOT): path.read_text()
        for app in ("digest", "subscriptions")
        for path in (ROOT / app).rglob("*.py")
    }
    callers = {str(path) for path, text in texts.items() if re.search(r"\bnormalize\(|is_normalized\(", text)}
    assert callers == {"subscriptions/unicode_text.py"}
