"""What a model may say of a paper before a reader sees it."""

from __future__ import annotations

import pytest

from digest.text.summaries import LONGEST, Refusal, plain_answer, why_refused

PROMPT = "Write one plain sentence of at most 30 words that says what a research paper did or found."
GOOD = "Grippers fail half as often when they look at the free space before they look at the object."


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (GOOD, None),
        ("A rule for grippers halves failures: 12% of 14,000 trials, down from 25% (p < 0.01).", None),
        ("A French team shows how Müller's “free space” helps {0, 1}-grippers in O(n²) time.", None),
        ("", Refusal.EMPTY),
        (" \n\t\u200b", Refusal.EMPTY),
        ("…!", Refusal.EMPTY),
        ("It works.", Refusal.LENGTH),
        (GOOD * 4, Refusal.LENGTH),
        ("The rule works. The rule is fast. The rule is simple.", Refusal.LENGTH),
        ("**Grippers** fail less often when they look at the free space.", Refusal.MARKUP),
        ("# Summary\n" + GOOD, Refusal.MARKUP),
        ("- " + GOOD, Refusal.MARKUP),
        ("1. " + GOOD, Refusal.MARKUP),
        ("<p>" + GOOD + "</p>", Refusal.MARKUP),
        ("<script>alert(1)</script> of the grippers that fail", Refusal.MARKUP),
        (GOOD + " See https://evil.example.org for more.", Refusal.MARKUP),
        (r"The rule takes $\mathcal{O}(n)$ of the time that is needed by others.", Refusal.MARKUP),
        ("Grippers &amp; tables are in the way of each other for a while.", Refusal.MARKUP),
        ("Everything in its place", Refusal.PROMPT),
        ("Sure! Here is a summary of the paper in one sentence.", Refusal.PROMPT),
        ("Summary: grippers fail half as often with the rule.", Refusal.PROMPT),
        ("I'm sorry, but the abstract is not in the prompt.", Refusal.PROMPT),
        ("We write one plain sentence of at most 30 words on the paper.", Refusal.PROMPT),
        ("Presentamos un método nuevo que reduce a la mitad los fallos de las pinzas.", Refusal.LANGUAGE),
        ("Greifer versagen halb so oft, wenn sie zuerst auf den freien Platz schauen.", Refusal.LANGUAGE),
        ("Les pinces échouent deux fois moins souvent avec une règle qui regarde la place.", Refusal.LANGUAGE),
        ("我们提出了一种新的方法，使夹具的失败减少一半。", Refusal.LANGUAGE),
        ("تفشل الملاقط نصف عدد المرات عندما تنظر إلى المساحة الفارغة", Refusal.LANGUAGE),
    ],
)
def test_an_answer_is_shown_only_if_it_is_a_sentence_of_english_about_the_paper(
    answer: str, why: Refusal | None
) -> None:
    assert why_refused(plain_answer(answer), title="Everything in Its Place", prompt=PROMPT) == why


def test_thoughts_quotes_and_invisible_characters_are_taken_off() -> None:
    assert plain_answer(f"<think>The user\nwants…</think>\n\n“{GOOD}”\u202e\n") == GOOD
    assert plain_answer('"') == '"'


def test_a_good_answer_of_the_greatest_length_is_shown() -> None:
    longest = "the " * (LONGEST // 4 - 1) + "end."
    assert len(longest) == LONGEST
    assert why_refused(longest, title="") is None
    assert why_refused(f"{longest}.", title="") == Refusal.LENGTH
