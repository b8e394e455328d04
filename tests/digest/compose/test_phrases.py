"""Words cut to a length, counts and lists."""

from __future__ import annotations

from digest.compose.phrases import join_words, plural, shorten


def test_text_is_shortened_at_a_word() -> None:
    assert shorten("Everything in Its Place", 40) == "Everything in Its Place"
    assert shorten("Everything in Its Place", 17) == "Everything in…"
    assert shorten("Everything in Its Place", 18) == "Everything in Its…"
    assert shorten("x" * 50, 10) == "x" * 9 + "…"


def test_a_count_has_its_noun_in_the_right_number() -> None:
    assert [plural(count, "paper") for count in (0, 1, 1212)] == ["0 papers", "1 paper", "1,212 papers"]


def test_a_list_names_four_at_most_and_counts_the_others() -> None:
    assert [join_words("abcdef"[:count]) for count in range(6)] == [
        "", "a", "a and b", "a, b and c", "a, b, c and d", "a, b, c and 2 more",
    ]  # fmt: skip
