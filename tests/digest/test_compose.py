"""One digest in words: what it says, that it says nothing else, and that no content can break it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from unicodedata import normalize
from urllib.parse import urlsplit

import pytest

from digest.compose import (
    HTML_BYTES,
    SUBJECT_LENGTH,
    Card,
    Digest,
    Fact,
    Reader,
    Reason,
    Sender,
    SourceCount,
    card_for,
    compose,
    compose_nothing,
    email_of_nothing,
    fit,
    reason_in_words,
    safe_link,
    shorten,
)
from subscriptions.rendering import RenderedEmail
from tests.mails.mails import WORST

MONDAY = date(2026, 11, 23)
ADA = Reader(
    address="ada.okafor@example.org",
    unsubscribe_url="https://papers.example.org/u/8fKx2LmQz1",
    preferences_url="https://papers.example.org/p/8fKx2LmQz1",
    feedback_url="https://papers.example.org/f/" + "8fKx2LmQz1" * 4 + "abc",
    asked_for=("Robotics", "“grasping”"),
    confirmed_on=date(2026, 5, 12),
)
BROADSHEET = Sender(
    name="Broadsheet", site_url="https://papers.example.org", postal_address="4 Harbour Street, 20457 Hamburg"
)
ROBOTICS = (Reason("topic", "Robotics", 1.0),)
UPVOTES = Fact(73, "upvote", "Hugging Face")
ABSTRACT = (
    "We ask how much of the skill of a gripper lies in the hand and how much of it lies in the table under it. Over "
    "14,000 trials with eleven hands we find that placing is the harder half. A rule that looks at the free space "
    "first, and at the object second, halves the failures. Code is at hand."
)


def a_card(number: int = 1, **values: object) -> Card:
    given: dict = {
        "identifier": f"arxiv:2600.{number:05}",
        "title": f"Everything in Its Place, Part {number}",
        "authors": ["Ingrid Solheim-Vargas", "Tomas Brandl"],
        "url": f"https://arxiv.org/abs/2600.{number:05}",
        "abstract": ABSTRACT,
        "source": "arXiv",
        "category": "cs.RO",
        "category_name": "Robotics",
        "published": date(2026, 11, 20),
    }
    return card_for(**given | values)


def a_digest(cards: list | None = None, reader: Reader = ADA, **values: object) -> Digest:
    cards = cards or [(a_card(number), ROBOTICS) for number in range(1, 11)]
    given: dict = {"issue_date": MONDAY, "sender": BROADSHEET, "arrived": 412, "matched": 38}
    return compose(cards, reader, **given | values)


def mail(**values: object) -> RenderedEmail:
    """The mail with one paper made of these values."""
    return fit(a_digest([(a_card(**values), ROBOTICS)]))[1]


class Outline(HTMLParser):
    """The tags of a mail in order, the heading of each level with its words, and every address that it names."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.headings: list[list[str]] = []
        self.addresses: list[tuple[str, str]] = []
        self.open_heading = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [(tag, value or "") for name, value in attrs if name in ("href", "src", "background")]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append([tag, ""])
            self.open_heading = True

    def handle_endtag(self, tag: str) -> None:
        if re.fullmatch("h[1-6]", tag):
            self.open_heading = False

    def handle_data(self, data: str) -> None:
        if self.open_heading:
            self.headings[-1][1] += data

    def titles(self) -> list[str]:
        return [" ".join(words.split()) for tag, words in self.headings if tag == "h3"]


def lines(email: RenderedEmail) -> Iterator[str]:
    yield from email.html.split("\n")
    yield from email.text.split("\n")


# Cards


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
    assert a_card(published=None).seen == "arXiv"
    assert a_card(source="", published=None).seen == ""


def test_a_card_names_its_first_category_and_gives_the_codes_of_three_others() -> None:
    assert a_card().categories == ("cs.RO Robotics",)
    codes = ["cs.LG", "cs.RO", "cs.LG", "", "stat.ML", "math.ST", "cs.AI"]
    assert a_card(categories=codes).categories == ("cs.RO Robotics", "cs.LG", "stat.ML", "math.ST")
    assert a_card(category="", category_name="").categories == ()


def test_a_snippet_has_two_sentences_where_one_says_little() -> None:
    first, second = "We ask how it is. " + "x" * 300 + ".", "Y" * 230 + "."

    assert a_card(abstract=f"{first} {second} More.").snippet == f"{first} {second}"
    assert a_card(abstract="x" * 400 + ". " + second).snippet == "x" * 400 + "."


def test_a_paper_without_a_title_goes_by_its_identifier() -> None:
    assert a_card(title=" ").title == "arxiv:2600.00001"
    assert a_card(title="\u200b\u2060\xad\u202e").title == "arxiv:2600.00001"


def test_accents_are_not_piled_over_the_lines_around_them() -> None:
    card = a_card(title="Z" + "\u0325" * 200 + "algo", authors=["E\u0325\u0301 Ok"], abstract="Y" + "\u0325" * 99 + ".")

    assert card.title == "Z" + "\u0325" * 3 + "algo"
    assert card.authors == (normalize("NFC", "E\u0325\u0301 Ok"),)
    assert card.snippet == "Y" + "\u0325" * 3 + "."


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
    assert len(Outline(email.html).addresses) == 7  # unsubscribe twice, more, less, mute, preferences, and the site


def test_a_link_keeps_its_meaning_in_ascii() -> None:
    assert safe_link("https://example.org/a b?c=é&d=%20\n") == "https://example.org/a%20b?c=%C3%A9&d=%20"


def test_text_is_shortened_at_a_word() -> None:
    assert shorten("Everything in Its Place", 40) == "Everything in Its Place"
    assert shorten("Everything in Its Place", 17) == "Everything in…"
    assert shorten("Everything in Its Place", 18) == "Everything in Its…"
    assert shorten("x" * 50, 10) == "x" * 9 + "…"


# Reasons


@pytest.mark.parametrize(
    ("reasons", "facts", "words"),
    [
        (
            [Reason("topic", "Robotics", 1), Reason("keyword", "grasping", 1), Reason("trending", "", 0.2)],
            [UPVOTES],
            "Matches your topic Robotics and your keyword “grasping”; trending with 73 upvotes on Hugging Face.",
        ),
        ([Reason("author", "Ingrid Solheim-Vargas", 2)], [], "By Ingrid Solheim-Vargas, whom you follow."),
        ([Reason("trending", "", 1)], [UPVOTES], "Trending with 73 upvotes on Hugging Face."),
        ([Reason("trending", "", 1)], [], "Trending."),
        ([Reason("pick", "Read it.")], [], "Picked by the editors."),
        ([Reason("like", "", 0.4)], [], "Close to papers you asked for more of."),
        (
            [Reason("category", "cs.RO", 1), Reason("category", "cs.LG", 1)],
            [],
            "Matches your categories cs.RO and cs.LG.",
        ),
        (
            [Reason("keyword", word, 1) for word in "abcdef"],
            [],
            "Matches your keywords “a”, “b”, “c” and 3 more.",
        ),
        (
            [Reason("topic", "Robotics", 1)],
            [UPVOTES, Fact(12, "comment", "Hugging Face"), Fact(1340, "star", "GitHub"), Fact(0, "point", "Nowhere")],
            "Matches your topic Robotics. 73 upvotes and 12 comments on Hugging Face, 1,340 stars on GitHub.",
        ),
        (
            [Reason("topic", "Robotics", 1)],
            [Fact(2, "upvote", "Hugging Face"), Fact(1, "comment", "Hugging Face"), Fact(3, "star", "GitHub")],
            "Matches your topic Robotics.",
        ),
        ([], [], "On today’s list of new papers."),
    ],
)
def test_a_reason_is_a_sentence(reasons: list[Reason], facts: list[Fact], words: str) -> None:
    assert reason_in_words(reasons, facts=facts) == words


def test_what_lowered_the_score_is_not_given_as_a_reason() -> None:
    reasons = [*ROBOTICS, Reason("trending", "", -0.3), Reason("like", "", -0.1), Reason("average", "", 0.5)]

    assert reason_in_words(reasons) == "Matches your topic Robotics."


# What the digest says


def test_the_subject_has_the_date_the_first_title_and_how_many_more() -> None:
    assert a_digest().subject == "23 Nov: Everything in Its Place, Part 1 and 9 more"
    assert a_digest([(a_card(), ROBOTICS)]).subject == "23 Nov: Everything in Its Place, Part 1"


@pytest.mark.parametrize(
    "title", ["word " * 2000, "x" * 10_000, "Title\r\nBcc: eve@example.org", "\0\u202e", "把" * 500]
)
def test_the_subject_is_one_short_line(title: str) -> None:
    subject = a_digest([(a_card(title=title), ROBOTICS)] * 25).subject

    assert len(subject) <= SUBJECT_LENGTH
    assert subject.isprintable()
    assert subject.startswith("23 Nov: ")
    assert subject.endswith(" and 24 more")


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
    assert "Trending with 73 upvotes on Hugging Face." in email.text
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
    assert [item.number for item in digest.papers] == [1, 2, 3]
    assert Outline(email.html).headings[1] == ["h2", "Picked by the editors"]
    assert "“Read section 4 first.”" in email.html
    assert "“Read section 4 first.”" in email.text
    assert "“”" not in email.html + email.text


def test_the_receipt_says_what_is_missing_first_and_names_late_sources() -> None:
    sources = [
        SourceCount("arXiv cs.LG", 40, 40),
        SourceCount("arXiv cs.RO", 38, 40),
        SourceCount("bioRxiv", 1212),
        SourceCount("medRxiv", 0, late=True),
    ]

    assert a_digest(sources=sources).receipt == (
        "Not complete: 2 announced papers are missing and 1 source is late.",
        "Read for this digest: arXiv cs.RO: 38 of 40 · arXiv cs.LG: 40 of 40 · bioRxiv: 1,212.",
        "Late: medRxiv. What a late source brings comes in a later digest.",
    )
    many = a_digest(sources=[SourceCount(f"arXiv cs.{n}", 10, 10) for n in range(155)]).receipt
    assert many[0] == "Complete: every source gave all that it announced."
    assert many[1].endswith(" · 143 other sources: 1,430.")


def test_a_day_is_called_complete_only_as_far_as_sources_say_what_they_had() -> None:
    silent, whole = SourceCount("bioRxiv", 1212), SourceCount("arXiv cs.LG", 40, 40)

    assert a_digest(sources=[whole, silent]).receipt[0] == "Complete, as far as sources say how much they have."
    assert a_digest(sources=[silent]).receipt == ("Read for this digest: bioRxiv: 1,212.",)
    assert a_digest(sources=[]).receipt == ()


def test_the_first_digest_says_what_to_expect_how_to_tune_it_and_how_to_leave() -> None:
    ada = replace(ADA, rhythm="on weekdays at 07:00", most=10)
    digest = a_digest(reader=ada, occasion="first")
    email = fit(digest)[1]

    assert digest.opening == (
        "This is your first digest. The next ones come on weekdays at 07:00, with at most 10 papers each. The links "
        "under each paper tune what comes next. To change anything, use Preferences at the foot; to leave, "
        "Unsubscribe, there and at the top."
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
    assert re.findall("^(.*)\nhttps://papers.example.org/d/1$", email.text, flags=re.M) == ["Read on the web:"]
    assert "on the web" not in fit(a_digest())[1].html


def test_a_day_with_nothing_says_so_and_why_and_what_was_read() -> None:
    nothing = compose_nothing(
        "Nothing that came in matched what you asked for.",
        replace(ADA, web_url="https://papers.example.org/d/1"),
        issue_date=MONDAY,
        sender=BROADSHEET,
        sources=[SourceCount("arXiv cs.LG", 40, 40)],
        also=[a_card(90)],
    )
    email = email_of_nothing(nothing)

    assert email.subject == "23 Nov: nothing for you today"
    assert [words for _, words in Outline(email.html).headings] == ["Monday, 23 November 2026", "Also trending"]
    for part in (email.html, email.text):
        words = " ".join(part.split())
        assert "Nothing that came in matched what you asked for." in words
        assert "You asked to be told on such days, too; your preferences change that." in words
        assert "arXiv cs.LG: 40 of 40." in words
        assert "because this address was confirmed on 12 May 2026" in words
        assert part.count(ADA.unsubscribe_url) == 2
        assert part.count(ADA.preferences_url) == 1
        assert a_card(90).url in part
        assert "/more" not in part


def test_the_footer_says_who_why_and_how_to_leave() -> None:
    email = fit(a_digest())[1]

    for part in (email.html, email.text):
        words = " ".join(part.split())
        assert "Sent to ada.okafor@example.org because this address was confirmed on 12 May 2026." in words
        assert "You asked for Robotics and “grasping”." in words
        assert "4 Harbour Street, 20457 Hamburg" in words
        assert part.count(ADA.unsubscribe_url) == 2
        assert part.count(ADA.preferences_url) == 1


def test_each_paper_has_links_for_more_less_and_mute_by_the_number_it_is_shown_under() -> None:
    cards = [(a_card(1), ROBOTICS), (a_card(2), [Reason("pick", "Look.")])]
    email = fit(a_digest(cards))[1]
    wanted = [f"{ADA.feedback_url}/{number}/{wish}" for number in (1, 2) for wish in ("more", "less", "mute")]

    assert [url for _, url in Outline(email.html).addresses if url.startswith(ADA.feedback_url)] == wanted
    assert re.findall(rf"^ *({re.escape(ADA.feedback_url)}\S+)$", email.text, flags=re.M) == wanted


def test_where_no_reader_is_known_the_mail_has_no_links_for_one() -> None:
    email = fit(a_digest(reader=replace(ADA, preferences_url="", feedback_url="")))[1]

    for part in (email.html, email.text):
        assert "like this" not in part
        assert "Mute" not in part
        assert "Preferences" not in part
        assert "/more" not in part


def test_a_digest_without_papers_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one paper"):
        compose([], ADA, issue_date=MONDAY, sender=BROADSHEET, arrived=0, matched=0)


# What is sent


def test_both_parts_have_the_same_papers_in_the_same_order_with_the_same_links_and_reasons() -> None:
    cards = [(a_card(n), (Reason("keyword", f"word {n}", 1.0),)) for n in (3, 1, 2)]
    cards.append((a_card(4), (Reason("pick", "Look."),)))
    digest, email = fit(a_digest(cards))
    titles = [item.card.title for item in digest.papers]

    assert Outline(email.html).titles() == titles
    assert re.findall(r"^\d{1,2}\. +(.+)$", email.text, flags=re.M) == titles
    links = [item.card.url for item in digest.papers]
    assert [url for _, url in Outline(email.html).addresses if "arxiv" in url] == links
    assert re.findall(r"^ *(https://arxiv\S+)$", email.text, flags=re.M) == links
    reasons = [item.why for item in digest.papers]
    for part in (email.html, email.text):
        assert sorted(reasons, key=part.index) == reasons


def test_the_mail_has_one_h1_and_headings_in_order() -> None:
    cards = [(a_card(1), ROBOTICS), (a_card(2), [Reason("pick", "Look.")])]
    levels = [tag for tag, _ in Outline(fit(a_digest(cards))[1].html).headings]

    assert levels == ["h1", "h2", "h3", "h2", "h3"]


def test_the_mail_loads_nothing_and_links_only_to_papers_the_site_and_the_way_out() -> None:
    html = fit(a_digest())[1].html
    outline = Outline(html)

    assert not {"img", "script", "link", "iframe", "form", "svg", "video"} & set(outline.tags)
    assert not re.search(r"url\(|@import|@font-face", html)
    assert {tag for tag, _ in outline.addresses} == {"a"}
    assert {urlsplit(url).hostname for _, url in outline.addresses} == {"arxiv.org", "papers.example.org"}
    assert len(re.findall("https?://", html)) == len(outline.addresses)


def test_every_table_is_for_layout_and_says_so() -> None:
    html = fit(a_digest())[1].html

    assert html.count("<table ") == html.count('<table role="presentation"')


@pytest.mark.parametrize("count", [4, 10, 25])
def test_a_reader_can_leave_within_the_first_fifth_of_the_mail(count: int) -> None:
    html = fit(a_digest([(a_card(n), ROBOTICS) for n in range(count)]))[1].html

    assert html.index(">Unsubscribe</a>") < len(html) / 5


def test_no_style_is_pure_black_or_white_and_the_sheet_is_small() -> None:
    html = fit(a_digest())[1].html

    assert not re.search(r"#(000|fff)\b|#(000000|ffffff)\b", html, flags=re.I)
    assert html.rindex("</style>") < html.index("</head>")
    assert len(re.search("<style>(.*)</style>", html, flags=re.S)[1]) < 2_000


def test_text_lines_keep_to_78_columns_and_links_stand_alone() -> None:
    text = fit(a_digest([(a_card(1, url="https://example.org/" + "long/" * 40), ROBOTICS)]))[1].text

    for line in text.split("\n"):
        if "://" in line:
            assert re.fullmatch(r" *https://\S+", line)
        else:
            assert len(line) <= 78
    assert "https://example.org/" + "long/" * 40 in text


def test_the_same_digest_gives_the_same_bytes() -> None:
    assert fit(a_digest()) == fit(a_digest())


# Hostile content


def test_markup_in_a_paper_shows_as_text_and_does_nothing() -> None:
    evil = '</h3><script>alert(1)</script><img src=x onerror="alert(1)">{{ 7*7 }} & \' "'
    email = mail(title=evil, authors=[evil], abstract=evil, source=evil, category=evil, category_name=evil)
    outline = Outline(email.html)

    assert outline.titles() == [evil]
    assert not {"script", "img"} & set(outline.tags)
    assert outline.tags == Outline(mail(abstract="Plain words.").html).tags
    assert evil in " ".join(email.text.split())


def test_a_reason_and_a_note_are_escaped_too() -> None:
    reasons = [Reason("pick", "<b>note</b>"), Reason("keyword", "<i>word</i>", 1.0)]
    html = fit(a_digest([(a_card(), reasons)]))[1].html

    assert "&lt;b&gt;note" in html
    assert "&lt;i&gt;word" in html
    assert not {"b", "i"} & set(Outline(html).tags)


@pytest.mark.parametrize(
    "values",
    [
        {"title": "word " * 2000},
        {"title": "x" * 10_000},
        {"title": "🧪" * 10_000},
        {"authors": [f"Author Number {n}" for n in range(3_000)]},
        {"authors": ["x" * 10_000] * 3_000},
        {"authors": []},
        {"abstract": ""},
        {"abstract": "把" * 10_000},
        {"abstract": "x" * 10_000},
        {"title": "小規模データからの把持学習", "abstract": "新しい手法を提案する。"},
        {"title": "نماذج لغوية صغيرة", "authors": ["ليلى حداد"]},
        {"title": "A\r\nB\0C\u202eD\ud800E", "authors": ["\u2066Eve\r"]},
    ],
    ids=lambda values: "-".join(f"{name}:{str(value)[:12]}" for name, value in values.items()),
)
def test_any_paper_makes_a_mail_with_safe_lines(values: dict) -> None:
    email = mail(**values)

    assert max(len(line.encode()) for line in lines(email)) <= 998
    assert all(len(line) <= 78 for line in email.text.split("\n") if "://" not in line)
    assert not re.search("[\0\r\u202e\u2066\ud800]", email.html + email.text)
    assert len(Outline(email.html).titles()) == 1
    assert len(email.html) < 20_000


def test_a_newline_in_a_title_cannot_forge_a_part_of_the_text() -> None:
    text = mail(title="Title\n\nUnsubscribe:\nhttps://evil.example.org").text

    assert "\nhttps://evil" not in text


def built(html: str) -> list[str]:
    """The tags of a mail in order, without the places where a long word may break and the chips."""
    return [tag for tag in Outline(html).tags if tag not in ("wbr", "span")]


@pytest.mark.parametrize("name", WORST)
def test_the_worst_paper_is_built_as_an_ordinary_one(name: str) -> None:
    lines_without = {"p": sum(not WORST[name].get(part, "x") for part in ("abstract", "authors"))}
    lines_without["p"] += name == "nothing to be seen"  # its author
    ordinary, worst = built(mail().html), built(mail(**WORST[name]).html)

    assert worst.count("p") == ordinary.count("p") - lines_without["p"]
    assert [tag for tag in worst if tag != "p"] == [tag for tag in ordinary if tag != "p"]


# The budget


def test_an_ordinary_full_digest_fits_as_it_is() -> None:
    digest = a_digest([(a_card(n, facts=[UPVOTES]), ROBOTICS) for n in range(25)])

    fitted, email = fit(digest)

    assert fitted is digest
    assert len(email.html.encode()) <= HTML_BYTES


def test_a_heavy_digest_loses_the_last_abstracts_first() -> None:
    digest = a_digest([(a_card(n, facts=[UPVOTES]), ROBOTICS) for n in range(25)])
    size = len(fit(digest)[1].html.encode())

    fitted, email = fit(digest, limit=size - 500)

    assert len(email.html.encode()) <= size - 500
    assert fitted.left_out == 0
    snippets = [item.card.snippet for item in fitted.papers]
    assert snippets[:20] == [item.card.snippet for item in digest.papers[:20]]
    assert 0 < len(snippets[-1]) <= 160


@pytest.mark.parametrize("letter", ["'", "把", "🧪", "& "])
def test_the_worst_paper_25_times_stays_within_the_budget_and_says_what_is_left_out(letter: str) -> None:
    worst = a_card(
        title=letter * 10_000,
        authors=[letter * 200] * 3_000,
        abstract=letter * 10_000,
        category_name=letter * 200,
        url="https://example.org/" + "x" * 800,
    )
    reasons = [Reason(kind, letter * 100, 1.0) for kind in ("topic", "keyword", "category", "author") for _ in range(9)]
    reader = replace(ADA, asked_for=(letter * 100,) * 100)
    digest = a_digest(
        [(replace(worst, snippet=letter * 20_000), [Reason("pick", letter * 900), *reasons])] * 25, reader
    )

    fitted, email = fit(digest)

    assert len(email.html.encode()) <= HTML_BYTES
    assert max(len(line.encode()) for line in lines(email)) <= 998
    assert len(fitted.papers) + fitted.left_out == 25
    assert len(fitted.papers) == len(Outline(email.html).titles())
    assert len(fitted.papers) >= 5
    for part in (email.html, email.text):
        assert (f"{fitted.left_out} more than fit into one e-mail." in part) == (fitted.left_out > 0)
    assert fitted.subject == digest.subject


def test_what_is_left_out_is_on_the_web_where_there_is_a_copy() -> None:
    digest = a_digest(reader=replace(ADA, web_url="https://papers.example.org/d/1"))

    fitted, email = fit(digest, limit=len(fit(a_digest([(a_card(), ROBOTICS)] * 5))[1].html))

    assert fitted.left_out > 0
    assert f'href="https://papers.example.org/d/1">{fitted.left_out} more on the web</a>' in email.html
    assert f"{fitted.left_out} more on the web:\nhttps://papers.example.org/d/1\n" in email.text


def test_everything_around_the_papers_counts_too() -> None:
    letter = "'"
    also = [a_card(n, title=letter * 10_000, url="https://example.org/" + "x" * 800) for n in range(3)]
    cards = [(a_card(n, abstract=letter * 9_000), ROBOTICS) for n in range(25)]
    sources = [SourceCount(letter * 900, 1, 2) for _ in range(40)]
    reader = replace(ADA, asked_for=(letter * 100,) * 100, rhythm=letter * 900, most=25)

    fitted, email = fit(a_digest(cards, reader, also=also, sources=sources, occasion="first"), limit=40_000)

    assert len(email.html.encode()) <= 40_000
    assert fitted.also == tuple(also)
    assert fitted.papers


def test_a_shortened_abstract_ends_at_a_sentence() -> None:
    digest = a_digest(
        [(a_card(n, abstract="One short sentence. " + "A long one " * 30 + "."), ROBOTICS) for n in range(9)]
    )

    fitted = fit(digest, limit=len(fit(digest)[1].html) - 100)[0]

    assert fitted.papers[-1].card.snippet == "One short sentence."
