"""A paper's card: every part bounded, nothing in it that can break a mail."""

from __future__ import annotations

import json
from unicodedata import normalize

import pytest

from digest.compose.card import Card, safe_link
from tests.support.digests import UPVOTES, a_card, mail
from tests.support.mail_outline import Outline


def test_a_card_comes_back_from_json_as_it_went() -> None:
    card = a_card(facts=[UPVOTES], authors=[f"Author {n}" for n in range(20)])

    assert Card.from_json(json.loads(json.dumps(card.as_json()))) == card


def test_a_card_that_was_frozen_before_there_were_more_categories_is_read() -> None:
    frozen = a_card().as_json()
    del frozen["also_in"]

    assert Card.from_json(frozen) == a_card()


def test_up_to_five_authors_are_named_and_of_more_the_first_three_and_the_last() -> None:
    names = list("ABCDEFGH")

    assert a_card(authors=names[:5]).byline == "A, B, C, D, E"
    assert a_card(authors=names).byline == "A, B, C … H (+4)"
    assert a_card(authors=names * 375).byline == "A, B, C … H (+2,996)"
    assert a_card(authors=["", " "]).byline == ""


def test_a_card_says_where_and_when_the_paper_appeared() -> None:
    assert a_card().seen == "arXiv · 20 Nov 2026"
    assert a_card(precision="month").seen == "arXiv · Nov 2026"
    assert a_card(precision="year").seen == "arXiv · 2026"
    assert a_card(published=None).seen == "arXiv"
    assert a_card(source="", published=None).seen == ""


def test_a_card_names_its_first_category_and_gives_the_codes_of_three_others() -> None:
    assert a_card().categories == ("cs.RO Robotics",)
    codes = ["cs.LG", "cs.RO", "cs.LG", "", "stat.ML", "math.ST", "cs.AI"]
    assert a_card(categories=codes).categories == ("cs.RO Robotics", "cs.LG", "stat.ML", "math.ST")
    assert a_card(category="", category_name="").categories == ()


def test_a_card_has_the_sentence_that_says_what_was_found_and_the_abstract() -> None:
    card = a_card(abstract="Grippers are everywhere. We show that placing is the harder half. Code is at hand.")

    assert card.sentence == "We show that placing is the harder half."
    assert card.abstract == "Grippers are everywhere. We show that placing is the harder half. Code is at hand."
    assert (a_card(abstract="").sentence, a_card(abstract="").abstract) == ("", "")


def test_a_long_sentence_is_cut_after_a_word_and_a_long_abstract_after_a_sentence() -> None:
    card = a_card(abstract="We show that " + "placing is hard " * 60 + "now. Then more. " + "And more. " * 200)

    assert card.sentence.endswith(("placing…", "is…", "hard…"))
    assert 280 < len(card.sentence) <= 300
    assert card.abstract.endswith("And more.")
    assert 1400 < len(card.abstract) <= 1500


def test_a_card_of_a_version_that_knew_snippets_shows_its_snippet() -> None:
    frozen = a_card().as_json()
    del frozen["sentence"], frozen["abstract"]

    card = Card.from_json(frozen | {"snippet": "As it was mailed. Twice."})

    assert (card.sentence, card.abstract) == ("As it was mailed. Twice.", "")


def test_a_paper_without_a_title_goes_by_its_identifier() -> None:
    assert a_card(title=" ").title == "arxiv:2600.00001"
    assert a_card(title="\u200b\u2060\xad\u202e").title == "arxiv:2600.00001"


def test_accents_are_not_piled_over_the_lines_around_them() -> None:
    card = a_card(title="Z" + "\u0325" * 200 + "algo", authors=["E\u0325\u0301 Ok"], abstract="Y" + "\u0325" * 99 + ".")

    assert card.title == "Z" + "\u0325" * 3 + "algo"
    assert card.authors == (normalize("NFC", "E\u0325\u0301 Ok"),)
    assert card.sentence == "Y" + "\u0325" * 3 + "."


@pytest.mark.parametrize(
    "url",
    [
        *(
            "javascript:alert(1)",
            "data:text/html,x",
            "//example.org",
            "mailto:a@example.org",
            "http://",
            "https://[::1",
        ),
        *("", "https://example.org/" + "x" * 900, "https://example.org/?" + "&" * 300),
    ],
)
def test_a_link_that_is_not_plain_web_or_too_long_is_left_out(url: str) -> None:
    assert safe_link(url) == ""

    email = mail(url=url)
    assert Outline(email.html).titles() == ["Everything in Its Place, Part 1"]
    assert len(Outline(email.html).addresses) == 8  # unsubscribe, preferences: twice; more, less, mute, site


def test_a_link_keeps_its_meaning_in_ascii() -> None:
    assert safe_link("https://example.org/a b?c=é&d=%20\n") == "https://example.org/a%20b?c=%C3%A9&d=%20"
