"""A letter keeps text, emphasis, lists, links and headings of its Markdown, and nothing else, however it is written."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.compose.letter import (
    LONGEST_LETTER,
    MOST_BLOCKS,
    MOST_LINKS,
    Span,
    problem_of,
    read_letter,
    safe_letter_link,
)
from digest.compose.size_limit import fit
from tests.support.digests import a_digest

MAY_BE_THERE = {"h3", "p", "ul", "ol", "li", "em", "strong", "a", "br", "wbr"}


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def html_of(source: str) -> str:
    """The letter's part of the HTML of a mail, without its frame."""
    html = fit(a_digest(letter=read_letter(source)))[1].html
    return html.partition("A letter from the editors</h2>\n")[2].partition("</td></tr>")[0]


def bare(html: str) -> str:
    return re.sub(r' (style|dir|class)="[^"]*"', "", html).replace("\n", "")


def test_text_emphasis_lists_links_and_headings_come_through() -> None:
    source = (
        "# Good *morning*\n\nOne **strong** word, [a page](https://example.org/?a=1&b=2).\n\n"
        "3. three\n4. four\n   - inner\n\nend\\\nof it"
    )
    assert bare(html_of(source)) == (
        "<h3>Good <em>morning</em></h3><p>One <strong>strong</strong> word, "
        '<a href="https://example.org/?a=1&amp;b=2">a page</a>.</p>'
        '<ol start="3"><li><p>three</p></li><li><p>four</p><ul><li><p>inner</p></li></ul></li></ol><p>end<br>of it</p>'
    )


def test_the_text_part_says_the_same_with_each_link_on_a_line_of_its_own() -> None:
    source = "# Hello\n\nSee [the *call*](https://example.org/call) and https://example.org/x.\n\n- one\n- two\n  1. in"
    assert read_letter(source).text == (
        "Hello\n\nSee the call and https://example.org/x.\n\nthe call:\nhttps://example.org/call\n\n"
        "- one\n\n- two\n\n  1. in"
    )
    assert read_letter("- one\n- two").text == "- one\n- two"


def test_a_link_with_two_looks_is_one_link() -> None:
    assert bare(html_of("[a **b** c](https://example.org/)")) == (
        '<p><a href="https://example.org/">a <strong>b</strong> c</a></p>'
    )
    assert [link.text for link in read_letter("[a **b** c](https://example.org/)").links] == ["a b c"]


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://example.org/a?b=1#c", "https://example.org/a?b=1#c"),
        ("HTTP://example.org/", "HTTP://example.org/"),
        ("https://example.org/ü", "https://example.org/%C3%BC"),
        ("mailto:ed@example.org", "mailto:ed@example.org"),
        ("mailto:ed@example.org?subject=a%20b", "mailto:ed@example.org?subject=a%20b"),
        ("mailto:", ""),
        ("javascript:alert(1)", ""),
        ("JaVaScRiPt:alert(1)", ""),
        ("data:text/html,x", ""),
        ("vbscript:x", ""),
        ("//example.org/", ""),
        ("/dashboard/", ""),
        ("https://", ""),
        ("ftp://example.org/", ""),
        ("https://example.org/" + "v" * 900, ""),
        ("mailto:ed@example.org?body=" + "v" * 900, ""),
    ],
)
def test_only_links_to_the_web_and_to_mailboxes_stay(url: str, kept: str) -> None:
    assert safe_letter_link(url) == kept
    letter = read_letter(f"[here](<{url}>)")
    assert [link.url for link in letter.links] == [kept] * bool(kept)
    assert letter.words == "here"
    assert letter.left_out == (() if kept else ("link",))


def test_an_image_leaves_its_words_and_is_counted() -> None:
    letter = read_letter("![A cat](https://example.org/cat.png) ![](https://example.org/pixel.gif) [![x](y)](z)")
    assert letter.words == "A cat x"
    assert letter.left_out == ("image", "image", "link", "image")


def test_html_is_shown_as_it_was_typed() -> None:
    html = html_of("<b>bold</b>\n\n<script>alert(1)</script>\n\n<!-- no -->")
    assert "<p>&lt;b&gt;bold&lt;/b&gt;</p>" in bare(html)
    assert "&lt;script&gt;" in html
    assert "&lt;!-- no --&gt;" in html


@pytest.mark.parametrize(
    "source", ["", " \n\n ", "---", "![](https://example.org/x.png)", "[](https://example.org)", "- ", ">"]
)
def test_a_letter_without_a_word_has_no_blocks(source: str) -> None:
    assert read_letter(source).blocks == ()


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("x" * LONGEST_LETTER, ""),
        ("x" * (LONGEST_LETTER + 1), "too_long"),
        ("https://a.example/ " * MOST_LINKS, ""),
        ("https://a.example/ " * (MOST_LINKS + 1), "too_many_links"),
        ("- a\n" * MOST_BLOCKS, ""),
        ("- a\n" * (MOST_BLOCKS + 1), "too_many_parts"),
    ],
)
def test_a_letter_has_limits(source: str, problem: str) -> None:
    assert problem_of(read_letter(source)) == problem


@pytest.mark.parametrize(
    "piece",
    ["*a", "[", "> ", "- ", "`", "[a](", "<", "**_", "![[", "1. ", "&#0;", "\\", "a@b:", "https://", "~~~\n", "|"],
)
def test_what_is_made_to_be_slow_is_read_in_no_time(piece: str) -> None:
    began = time.process_time()
    letter = read_letter(piece * (LONGEST_LETTER // len(piece)))
    assert len(letter.text) < 3 * LONGEST_LETTER
    assert time.process_time() - began < 1


@settings(deadline=None)
@given(st.text(alphabet="ab <>&\"'[]()!*_`#-1. \n\r\t\0\u202e\ue000\ue001\ud800日/:\\", max_size=200))
def test_whatever_is_typed_makes_a_mail_with_harmless_tags(source: str) -> None:
    html = html_of(source)
    for tag, attributes in Tags(html).found:
        assert tag in MAY_BE_THERE
        assert set(attributes) <= {"dir", "style", "class", "href", "start"}
        assert (attributes.get("href") or "https://").startswith(("https://", "http://", "mailto:"))
    assert not re.search("[\0\u202e\ue000\ue001\ud800]", html + read_letter(source).text)
    assert max(map(len, read_letter(source).text.split("\n"))) <= 78


def test_letters_of_one_source_are_one_key_of_a_cache() -> None:
    assert read_letter("a") == read_letter("a") != read_letter("b")
    assert Span("a", url="https://a.example/") != Span("a")
