"""Which words of a text are marked as asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.search.marks import pieces
from digest.search.query import parse

WORD = st.sampled_from("robot robots human hand to the gpt4 e mail email über 3d c".split())
WORDS = st.lists(WORD, min_size=1, max_size=6)


def marked(text: str, typed: str) -> list[str]:
    return [piece for piece, is_asked in pieces(text, parse(typed)) if is_asked]


def mask(text: str, typed: str) -> list[bool]:
    """Return of each character whether it is marked."""
    return [is_asked for piece, is_asked in pieces(text, parse(typed)) for _ in piece]


@pytest.mark.parametrize(
    ("text", "typed", "words"),
    [
        ("Robot-to-Human Handovers", "robot", ["Robot"]),
        ("Robot-to-Human Handovers", "robots humans", ["Robot", "Human"]),
        ("Robot-to-Human Handovers", "robot-to-human", ["Robot-to-Human"]),
        ("Non-robot methods", "robot", ["robot"]),
        ("We call torch.nn and bert_base", "torch bert", ["torch", "bert"]),
        ("Human-robot teams", "tides", []),
        ("An e-mail, two emails", "email", ["e-mail", "emails"]),
        ("Robothand-like", "robot", []),
        ("see 2401.01234v2", "2401.01234", ["2401.01234v2"]),
    ],
)
def test_a_part_of_a_word_with_hyphens_is_marked_by_itself(text: str, typed: str, words: list[str]) -> None:
    assert marked(text, typed) == words


@given(st.text(max_size=200), st.text(max_size=40))
def test_no_text_is_lost_and_no_piece_is_empty_whatever_is_typed(text: str, typed: str) -> None:
    found = list(pieces(text, parse(typed)))
    assert "".join(piece for piece, _ in found) == text
    assert all(piece for piece, _ in found)


@given(WORDS, st.lists(st.sampled_from("-._"), min_size=5, max_size=5), WORDS)
def test_what_is_marked_between_spaces_is_marked_between_hyphens(
    words: list[str], signs: list[str], asked: list[str]
) -> None:
    joined = words[0] + "".join(sign + word for sign, word in zip(signs, words[1:], strict=False))
    apart, together = mask(" ".join(words), " ".join(asked)), mask(joined, " ".join(asked))
    assert all(here for here, there in zip(together, apart, strict=True) if there)
