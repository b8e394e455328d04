"""A digest as it is sent: both parts alike, no content breaks it, and it stays within its size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from digest.compose.completeness import SourceCount, completeness_in_words
from digest.compose.reasons import Reason
from digest.compose.size_limit import HTML_BYTES, fit
from subscriptions.mail.rendering import RenderedEmail
from tests.support.digests import ADA, ROBOTICS, UPVOTES, a_card, a_digest, mail
from tests.support.mail_outline import Outline
from tests.support.sample_mails import WORST


def lines(email: RenderedEmail) -> Iterator[str]:
    yield from email.html.split("\n")
    yield from email.text.split("\n")


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
            assert re.fullmatch(r" *(?:\w+(?: \([^)]*\))?: )?https://\S+", line)
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


def on_its_way(email: RenderedEmail) -> int:
    """MimeBytes of the HTML, two to a line end."""
    return len(email.html.replace("\n", "\r\n").encode())


def test_an_ordinary_full_digest_fits_as_it_is() -> None:
    digest = a_digest([(a_card(n, facts=[UPVOTES]), ROBOTICS) for n in range(25)])

    fitted, email = fit(digest)

    assert fitted is digest
    assert len(email.html.encode()) <= HTML_BYTES


def test_a_heavy_full_digest_loses_the_last_abstracts_first() -> None:
    digest = a_digest([(a_card(n), ROBOTICS) for n in range(25)], full=True)
    size = on_its_way(fit(digest)[1])

    fitted, email = fit(digest, limit=size - 500)

    assert on_its_way(email) <= size - 500
    assert [bool(item.card.abstract) for item in fitted.papers] == [True] * 23 + [False] * 2
    assert [item.card.sentence for item in fitted.papers] == [item.card.sentence for item in digest.papers]


def test_a_heavy_digest_loses_the_last_sentences_first() -> None:
    found = f"We find that {'placing is harder and ' * 11} so on."
    digest = a_digest([(a_card(n, facts=[UPVOTES], abstract=found), ROBOTICS) for n in range(25)])
    size = on_its_way(fit(digest)[1])

    fitted, email = fit(digest, limit=size - 500)

    assert on_its_way(email) <= size - 500
    assert fitted.left_out == 0
    sentences = [item.card.sentence for item in fitted.papers]
    assert sentences[:20] == [item.card.sentence for item in digest.papers[:20]]
    assert 0 < len(sentences[-1]) <= 160


def test_a_summary_is_shortened_as_a_sentence_is() -> None:
    summary = "The rule halves the failures of each of the hands, " * 5
    digest = a_digest([(replace(a_card(n), summary=summary), ROBOTICS) for n in range(9)])

    fitted, email = fit(digest, limit=len(fit(digest)[1].html) - 100)

    assert email.html.count("(Machine-written summary)") == 9
    assert fitted.papers[0].card.summary == summary
    assert len(fitted.papers[-1].card.summary) <= 160


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
        [(replace(worst, sentence=letter * 20_000), [Reason("pick", letter * 900), *reasons])] * 25, reader
    )

    fitted, email = fit(digest)

    assert len(email.html.encode()) <= HTML_BYTES
    assert max(len(line.encode()) for line in lines(email)) <= 998
    assert len(fitted.papers) + fitted.left_out == 25
    assert len(fitted.papers) == len(Outline(email.html).titles())
    assert len(fitted.papers) >= 5
    for part in (email.html, email.text):
        assert (f"{fitted.left_out} more did not fit into this e-mail." in part) == (fitted.left_out > 0)
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
    completeness = completeness_in_words([SourceCount(letter * 900, 1, 2) for _ in range(40)])
    reader = replace(ADA, asked_for=(letter * 100,) * 100, rhythm=letter * 900, limit=25)

    fitted, email = fit(a_digest(cards, reader, also=also, completeness=completeness, occasion="first"), limit=40_000)

    assert len(email.html.encode()) <= 40_000
    assert fitted.also == tuple(also)
    assert fitted.papers


def test_a_shortened_sentence_ends_after_a_word() -> None:
    digest = a_digest([(a_card(n, abstract="We find one long result, " * 30), ROBOTICS) for n in range(9)])

    fitted = fit(digest, limit=len(fit(digest)[1].html) - 100)[0]

    assert fitted.papers[-1].card.sentence == "We find one long result, " * 6 + "We find…"
