"""How texts are cut into words."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.ranking.words import LONGEST_WORD, WORD, WordNumbers, fold, raw_words, singular, telling_words, words


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("networks", "network"), ("theories", "theory"), ("classes", "class"), ("boxes", "box"), ("branches", "branch"),
        ("caches", "cache"), ("vertices", "vertex"), ("analyses", "analysis"), ("gans", "gan"), ("biases", "bias"),
    ],
)  # fmt: skip
def test_a_plural_and_its_singular_are_one_word(plural: str, one: str) -> None:
    assert singular(plural) == singular(one)


@pytest.mark.parametrize("word", ["loss", "corpus", "basis", "bias", "lens", "gas", "data", "mass"])
def test_words_that_only_look_like_plurals_stay(word: str) -> None:
    assert singular(word) == word


def test_case_accents_and_letters_of_other_alphabets_are_folded() -> None:
    assert fold("Łukasz MÜLLER Ångström Straße") == "lukasz muller angstrom strasse"


def test_hyphens_part_words_and_a_possessive_is_dropped() -> None:
    assert words("Self-supervised Alzheimer's C++") == ["self", "supervised", "alzheimer", "c++"]


def test_telling_words_leave_out_what_says_nothing() -> None:
    assert telling_words(f"The 42 theorems of x and y in 3D {'z' * (LONGEST_WORD + 1)}") == ["theorem", "3d"]


def test_numbers_are_given_once_a_word_and_to_telling_words_alone_unless_every_word_counts() -> None:
    text = "The networks of a network, and that network's 2 THEORIES"
    for every, told in ((False, telling_words(text)), (True, words(text))):
        asked: list[str] = []
        numbers = WordNumbers(lambda word, asked=asked: asked.append(word) or len(word), every=every)
        assert numbers.of(text) == [len(word) for word in told]
        assert numbers.of(text) == [len(word) for word in told]
        assert len(asked) == len({word for word in raw_words(text) if singular(word) in told})


@given(st.text() | st.text(alphabet="ab's_+#- .é’²\x00\n"))
def test_words_found_without_the_pattern_are_those_it_finds(text: str) -> None:
    assert raw_words(text) == WORD.findall(fold(text))


@given(st.text(max_size=20) | st.text(alphabet="aé’ø²\u0301", max_size=20))
def test_a_text_is_folded_character_by_character(text: str) -> None:
    assert fold(text) == "".join(map(fold, text))
    assert not any(unicodedata.combining(c) or c in "øłđðþæœı’" for c in fold(text))


@given(st.text())
def test_any_text_can_be_cut_and_cutting_again_changes_nothing_but_plurals(text: str) -> None:
    assert set(telling_words(text)) <= set(words(text))
    assert all(word and " " not in word for word in words(text))
