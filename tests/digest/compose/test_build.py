"""One digest in words: what it says, and that it says nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest

from digest.compose.build import SUBJECT_LENGTH, compose, compose_nothing
from digest.compose.card import Fact
from digest.compose.completeness import SourceCount, completeness_in_words
from digest.compose.reasons import Reason
from digest.compose.size_limit import email_of_nothing, fit
from tests.support.digests import ADA, BROADSHEET, MONDAY, ROBOTICS, UPVOTES, a_card, a_digest
from tests.support.mail_outline import Outline


def test_the_subject_has_the_date_the_number_of_papers_and_the_first_title() -> None:
    assert a_digest().subject == "23 Nov, 10 papers: Everything in Its Place, Part 1"
    assert a_digest([(a_card(), ROBOTICS)]).subject == "23 Nov, 1 paper: Everything in Its Place, Part 1"


def test_the_first_50_characters_of_a_subject_say_what_is_inside() -> None:
    title = "Learning to Place Household Objects from a Single Demonstration in Clutter"
    shown = a_digest([(a_card(title=title), ROBOTICS)] * 25).subject[:50]

    assert shown.startswith("23 Nov, 25 papers: Learning to Place Household")
    assert "…" not in shown


@pytest.mark.parametrize(
    "title", ["word " * 2000, "x" * 10_000, "Title\r\nBcc: eve@example.org", "\0\u202e", "把" * 500]
)
def test_the_subject_is_one_short_line(title: str) -> None:
    subject = a_digest([(a_card(title=title), ROBOTICS)] * 25).subject

    assert len(subject) <= SUBJECT_LENGTH
    assert subject.isprintable()
    assert subject.startswith("23 Nov, 25 papers: ")


@pytest.mark.parametrize(
    ("matched", "chosen", "picked", "sentence"),
    [
        (38, 10, 0, "412 new papers came in, 38 match what you asked for and 10 were chosen for you."),
        (38, 10, 2, "412 new papers came in, 38 match what you asked for, 10 were chosen for you and the editors picked 2."),
        (3, 3, 0, "412 new papers came in and 3 match what you asked for."),
        (412, 10, 0, "412 new papers came in, all match what you asked for and 10 were chosen for you."),
        (1, 1, 0, "412 new papers came in and 1 matches what you asked for."),
        (0, 0, 1, "412 new papers came in, none matches what you asked for and the editors picked 1."),
    ],
)  # fmt: skip
def test_the_overview_counts(matched: int, chosen: int, picked: int, sentence: str) -> None:
    cards = [(a_card(n), ROBOTICS) for n in range(chosen)] + [(a_card(n), [Reason("pick")]) for n in range(picked)]

    assert a_digest(cards, matched=matched).overview == sentence


def test_a_reader_who_asked_for_nothing_gets_the_trending_list_labelled_so() -> None:
    cards = [(a_card(n, facts=[UPVOTES]), [Reason("trending", "", 1.0)]) for n in range(5)]
    digest = a_digest(cards, replace(ADA, asked_for=()), matched=0)
    email = fit(digest)[1]

    assert digest.overview == "412 new papers came in and these 5 are from the top of the trending list."
    assert ["h2", "Trending"] in Outline(email.html).headings
    assert "Trending: 73 upvotes\n" in email.text
    assert "Upvotes are from Hugging Face." in email.text
    assert "You have asked for nothing in particular" in " ".join(email.text.split())
    assert "what you asked for" not in email.html + email.text


def test_picks_come_first_with_their_note() -> None:
    cards = [
        (a_card(1), ROBOTICS),
        (a_card(2), [Reason("pick", "Read section 4 first.")]),
        (a_card(3), [Reason("pick")]),
    ]
    digest = a_digest(cards)
    email = fit(digest)[1]

    assert [item.card.identifier[-1] for item in digest.papers] == ["2", "3", "1"]
    assert Outline(email.html).headings[1] == ["h2", "Picked by the editors"]
    assert "“Read section 4 first.”" in email.html
    assert "“Read section 4 first.”" in email.text
    assert "“”" not in email.html + email.text
    # the heading says it of all
    assert [part.count("Picked by the editors") for part in (email.html, email.text)] == [1, 1]


def test_the_first_digest_says_what_to_expect_how_to_tune_it_and_how_to_leave() -> None:
    ada = replace(ADA, rhythm="on weekdays at 07:00", limit=10)
    digest = a_digest(reader=ada, occasion="first")
    email = fit(digest)[1]

    assert digest.opening == (
        "This is your first digest. The next ones come on weekdays at 07:00, with at most 10 papers each. The links "
        "under each paper tune what comes next. Preferences and Unsubscribe are at the top and at the foot."
    )
    for part in (email.html, email.text):
        assert digest.opening in " ".join(part.split())
    assert "come on the days you chose. The" in a_digest(occasion="first").opening


def test_a_digest_that_catches_up_says_from_when_it_draws() -> None:
    digest = a_digest(occasion="catch_up", since=date(2026, 11, 12))

    assert digest.opening == "Catching up: this digest chooses from every paper since Thursday, 12 November."
    for part in (fit(digest)[1].html, fit(digest)[1].text):
        assert digest.opening in " ".join(part.split())
    assert a_digest().opening == a_digest(occasion="catch_up").opening == ""


def test_what_else_is_trending_follows_with_its_links_and_votes() -> None:
    also = [a_card(90, facts=[UPVOTES]), a_card(91, facts=[Fact(2, "upvote", "Hugging Face")]), a_card(92, url="")]
    email = fit(a_digest(also=also))[1]
    told = ["Also trending", also[0].title, "73 upvotes on Hugging Face", also[1].title, also[2].title]

    assert Outline(email.html).headings[-1] == ["h2", "Also trending"]
    for part in (email.html, email.text):
        assert sorted(told, key=part.index) == told
        assert part.index(also[0].title) < part.index(also[0].url if part is email.text else "73 upvotes")
        assert "2 upvotes" not in part
    assert "Also trending" not in fit(a_digest())[1].text


def test_a_web_copy_is_linked_at_the_top_and_at_the_foot() -> None:
    email = fit(a_digest(reader=replace(ADA, web_url="https://papers.example.org/d/1")))[1]

    assert [url for _, url in Outline(email.html).addresses].count("https://papers.example.org/d/1") == 2
    assert re.findall("^(.*)\nhttps://papers.example.org/d/1$", email.text, flags=re.M) == ["Read on the web:"] * 2
    assert "on the web" not in fit(a_digest())[1].html


def test_a_day_with_nothing_says_so_and_why_and_what_was_read() -> None:
    nothing = compose_nothing(
        "Nothing that came in matched what you asked for.",
        replace(ADA, web_url="https://papers.example.org/d/1"),
        issue_date=MONDAY,
        sender=BROADSHEET,
        completeness=completeness_in_words([SourceCount("arXiv cs.LG", 40, 40)]),
        also=[a_card(90)],
    )
    email = email_of_nothing(nothing)

    assert email.subject == "23 Nov: nothing for you today"
    assert [words for _, words in Outline(email.html).headings] == ["Monday, 23 November 2026", "Also trending"]
    for part in (email.html, email.text):
        words = " ".join(part.split())
        assert "Nothing that came in matched what you asked for." in words
        assert "You chose to get a mail on such days too" in words
        assert "arXiv cs.LG: 40 of 40." in words
        assert "confirmed on 12 May 2026" in words
        assert part.count(ADA.unsubscribe_url) == 2
        assert part.count(ADA.preferences_url) == 2
        assert a_card(90).url in part
        assert "/more" not in part


def test_the_footer_says_who_why_and_how_to_leave() -> None:
    email = fit(a_digest())[1]

    for part in (email.html, email.text):
        words = " ".join(part.split())
        assert "Sent to ada.okafor@example.org, confirmed on 12 May 2026." in words
        assert "You asked for Robotics and “grasping”." in words
        assert "4 Harbour Street, 20457 Hamburg" in words
        assert part.count(ADA.unsubscribe_url) == 2
        assert part.count(ADA.preferences_url) == 2


def test_each_paper_has_links_for_more_less_and_mute_by_the_number_it_is_shown_under() -> None:
    cards = [(a_card(1), ROBOTICS), (a_card(2), [Reason("pick", "Look.")])]
    email = fit(a_digest(cards))[1]
    wanted = [f"{ADA.feedback_url}/{number}/{wish}" for number in (1, 2) for wish in ("more", "less", "mute")]

    assert [url for _, url in Outline(email.html).addresses if url.startswith(ADA.feedback_url)] == wanted
    in_text = [f"{ADA.feedback_url}/{number}" for number in (1, 2)]
    assert re.findall(rf"^({re.escape(ADA.feedback_url)}\S+)$", email.text, flags=re.M) == in_text


def test_where_no_reader_is_known_the_mail_has_no_links_for_one() -> None:
    email = fit(a_digest(reader=replace(ADA, preferences_url="", feedback_url="")))[1]

    for part in (email.html, email.text):
        assert "like this" not in part
        assert "Mute" not in part
        assert "Preferences" not in part
        assert "/more" not in part


def test_what_is_the_same_for_all_papers_is_said_once_and_what_differs_with_each() -> None:
    same = [(a_card(number, facts=[UPVOTES]), ROBOTICS) for number in (1, 2)]
    later = (a_card(3, published=date(2026, 11, 21)), ROBOTICS)
    elsewhere = (a_card(4, source="bioRxiv", facts=[Fact(20, "upvote", "Elsewhere")]), ROBOTICS)

    digest = a_digest(same)
    text = fit(digest)[1].text
    assert digest.about == "All from arXiv, 20 Nov 2026. Upvotes are from Hugging Face."
    assert (text.count("arXiv,"), text.count("20 Nov 2026"), text.count("Hugging Face")) == (1, 1, 1)

    digest = a_digest([*same, later])
    text = fit(digest)[1].text
    assert digest.about == "All from arXiv. Upvotes are from Hugging Face."
    assert (text.count("arXiv."), text.count("· 20 Nov 2026"), text.count("· 21 Nov 2026")) == (1, 2, 1)

    digest = a_digest([*same, elsewhere])
    text = fit(digest)[1].text
    assert digest.about == "All 20 Nov 2026."
    assert (text.count("· arXiv"), text.count("· bioRxiv"), text.count("73 upvotes on Hugging Face")) == (2, 1, 2)
    assert a_digest([(a_card(), ROBOTICS)]).about == "From arXiv, 20 Nov 2026."
    assert a_digest([(a_card(source="", published=None), ROBOTICS)]).about == ""


def test_a_paper_links_its_pdf_code_discussion_and_its_page_here() -> None:
    links = {
        "pdf": "https://arxiv.org/pdf/2600.00001",
        "code": "https://github.com/a/b",
        "project": "javascript:alert(1)",
        "discussion": "https://huggingface.co/papers/2600.00001",
    }
    facts = [Fact(1340, "star", "GitHub"), Fact(12, "comment", "Hugging Face")]
    email = fit(a_digest([(a_card(links=links, facts=facts, page="2600.00001"), ROBOTICS)]))[1]
    here = "https://papers.example.org/papers/2600.00001"

    assert [url for _, url in Outline(email.html).addresses][2:7] == [
        a_card().url, links["pdf"], links["code"], links["discussion"], here
    ]  # fmt: skip
    named = [f"PDF: {links['pdf']}", f"Code (1,340 stars): {links['code']}"]
    named += [f"Discussion (12 comments): {links['discussion']}", f"Details: {here}"]
    assert re.findall(r"^(?:PDF|Code|Project|Discussion|Details)\b.*$", email.text, flags=re.M) == named
    assert "javascript" not in email.html + email.text


def test_only_a_full_mail_has_abstracts_categories_and_all_first_authors() -> None:
    cards = [(a_card(n, authors=[f"Author {letter}" for letter in "ABCDEFGH"]), ROBOTICS) for n in (1, 2)]
    for full in (True, False):
        email = fit(a_digest(cards, full=full))[1]
        for part in (email.html, email.text):
            said = " ".join(part.split())
            assert cards[0][0].sentence in said
            assert ("We ask how much of the skill of a gripper" in said) is full
            assert ("cs.RO Robotics" in said) is full
            assert ("Author A, Author B, Author C … Author H (+4)" in said) is full
            assert ("Author A, Author B … Author H (+5)" in said) is not full


def test_the_first_paper_stands_out_and_a_pick_lies_on_a_ground_of_its_own() -> None:
    cards = [(a_card(1), ROBOTICS), (a_card(2), [Reason("pick", "Look.")]), (a_card(3), ROBOTICS)]
    html = fit(a_digest(cards))[1].html

    sizes = re.findall(r'<h3 dir="auto" class="ink" style="[^"]*font:(\d+)px/', html)
    assert [int(size) for size in sizes] == [23, 18, 18]
    assert len(re.findall('class="panel ', html)) == 2
    assert "panel" not in fit(a_digest([(a_card(1), ROBOTICS)]))[1].html


def test_a_digest_without_papers_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one paper"):
        compose([], ADA, issue_date=MONDAY, sender=BROADSHEET, arrived=0, matched=0)
