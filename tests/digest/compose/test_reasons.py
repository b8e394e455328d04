"""Why a paper is here, in one line."""

from __future__ import annotations

import pytest

from digest.compose.card import Fact
from digest.compose.reasons import Reason, reason_in_words, reasons_as_text
from tests.support.digests import ROBOTICS, UPVOTES, a_card


@pytest.mark.parametrize(
    ("reasons", "facts", "words"),
    [
        (
            [Reason("topic", "Robotics", 1), Reason("keyword", "grasping", 1), Reason("trending", "", 0.2)],
            [UPVOTES],
            "Topic: Robotics · Keyword: “grasping” · Trending: 73 upvotes on Hugging Face",
        ),
        ([Reason("author", "Ingrid Solheim-Vargas", 2)], [], "Author: Ingrid Solheim-Vargas"),
        ([Reason("trending", "", 1)], [UPVOTES], "Trending: 73 upvotes on Hugging Face"),
        ([Reason("trending", "", 1)], [], "Trending"),
        ([Reason("pick", "Read it.")], [], ""),
        ([Reason("pick", "Read it."), Reason("topic", "Robotics")], [], "Topic: Robotics"),
        ([Reason("like", "3", 0.4)], [], "Similar to papers that you like"),
        ([Reason("like_title", "1", 0.4), Reason("taste", "", -0.1)], [], "Similar to the paper that you like"),
        ([Reason("like", "", 0.4)], [], "Similar to papers that you like"),
        (
            [Reason("topic", "Robotics", 1), Reason("about", "", 0.4)],
            [],
            "Topic: Robotics · Close to the words you typed",
        ),
        ([Reason("keyword", "grasping", 1), Reason("about", "", 0.4)], [], "Keyword: “grasping”"),
        ([Reason("category", "cs.RO", 1), Reason("about", "", -0.4), Reason("shared", "", 1)], [], "Category: cs.RO"),
        (
            [Reason("category", "cs.RO", 1), Reason("category", "cs.LG", 1)],
            [],
            "Categories: cs.RO and cs.LG",
        ),
        (
            [Reason("keyword", word, 1) for word in "abcdef"],
            [],
            "Keywords: “a”, “b”, “c” and 3 more",
        ),
        (
            [Reason("topic", "Robotics", 1)],
            [UPVOTES, Fact(12, "comment", "Hugging Face"), Fact(1340, "star", "GitHub"), Fact(0, "point", "Nowhere")],
            "Topic: Robotics · 73 upvotes and 12 comments on Hugging Face, 1,340 stars on GitHub",
        ),
        (
            [Reason("topic", "Robotics", 1)],
            [Fact(2, "upvote", "Hugging Face"), Fact(1, "comment", "Hugging Face"), Fact(3, "star", "GitHub")],
            "Topic: Robotics",
        ),
        ([], [], "On today’s list of new papers"),
    ],
)
def test_a_reason_is_one_line(reasons: list[Reason], facts: list[Fact], words: str) -> None:
    assert reason_in_words(reasons_as_text(reasons), a_card(facts=facts).counts) == words


def test_what_lowered_the_score_is_not_given_as_a_reason() -> None:
    reasons = [*ROBOTICS, Reason("trending", "", -0.3), Reason("like", "", -0.1), Reason("average", "", 0.5)]

    assert reason_in_words(reasons_as_text(reasons)) == "Topic: Robotics"


def test_what_a_link_tells_and_what_the_mail_says_once_is_not_said_again() -> None:
    facts = [UPVOTES, Fact(12, "comment", "Hugging Face"), Fact(1340, "star", "GitHub")]
    links = {"code": "https://github.com/a/b", "discussion": "https://huggingface.co/papers/2600.00001"}

    assert a_card(facts=facts, links=links).counts_beside_links("Hugging Face") == "73 upvotes"
    assert a_card(facts=facts[2:]).counts_beside_links("Hugging Face") == "1,340 stars on GitHub"
