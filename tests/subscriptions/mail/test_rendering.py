"""An e-mail from templates and values: escaped, folded, wrapped, and never with a gap."""

from __future__ import annotations

import random
import textwrap
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateNotFound, UndefinedError
from markupsafe import escape

from digest.compose.build import Reader, Sender, compose
from digest.compose.card import Fact, card_for
from digest.compose.reasons import Reason, reasons_as_text
from subscriptions.mail.rendering import _LONG_LINE, COLUMNS, fold, margin, one_line, printable, render_email, wrap


def a_digest():
    card = card_for(
        identifier="arxiv:2600.00001",
        title="Everything in Its Place",
        authors=["Ingrid Solheim-Vargas"],
        url="https://arxiv.org/abs/2600.00001",
        abstract="Placing is the harder half.",
        source="arXiv",
        facts=[Fact(73, "upvote", "Hugging Face")],
    )
    return compose(
        [(card, reasons_as_text([Reason("topic", "Robotics", 1.0)]))],
        Reader(address="ada@example.org", unsubscribe_url="https://papers.example.org/u/1", asked_for=("Robotics",)),
        issue_date=date(2026, 11, 23),
        sender=Sender(name="Broadsheet", site_url="https://papers.example.org", postal_address="4 Harbour Street"),
        arrived=12,
        matched=1,
    )


def test_a_gap_in_the_values_raises_instead_of_sending_a_hole() -> None:
    with pytest.raises(UndefinedError, match="digest"):
        render_email("digest", subject="23 Nov: Nothing")


def test_an_unknown_template_raises() -> None:
    with pytest.raises(TemplateNotFound):
        render_email("no-such-mail", subject="Hello")


def test_rendering_twice_gives_the_same_bytes() -> None:
    digest = a_digest()

    assert render_email("digest", subject="Hello", digest=digest) == render_email(
        "digest", subject="Hello", digest=digest
    )


def test_the_subject_is_one_printable_line_whatever_it_is_given() -> None:
    email = render_email("digest", subject="Hello\r\nBcc: eve@example.org\0\u202e\ud800", digest=a_digest())

    assert email.subject == "Hello Bcc: eve@example.org"


def test_control_characters_bidi_overrides_and_surrogates_are_taken_out() -> None:
    assert printable("a\0b\x1bc\u202ed\u2066e\u2028f\ud800g\r") == "abcdefg"
    assert printable("tab\tand\nnewline, \u05d0\u05d1, 👩‍🔬") == "tab\tand\nnewline, \u05d0\u05d1, 👩‍🔬"
    assert one_line(" a \r\n\t b ") == "a b"


def test_what_a_template_prints_is_printable_even_without_a_filter() -> None:
    digest = a_digest()
    sender = Sender(name="Broad\u202esheet\0", site_url="https://papers.example.org", postal_address="4 Harbour Street")
    changed = type(digest)(
        **{name: getattr(digest, name) for name in digest.__dataclass_fields__ if name != "sender"}, sender=sender
    )

    email = render_email("digest", subject="Hello", digest=changed)

    assert "Broadsheet" in email.html
    assert "\u202e" not in email.html + email.text
    assert "\0" not in email.html + email.text


def test_folding_escapes() -> None:
    assert fold("<script>alert('1')</script> & co") == "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; co"


@pytest.mark.parametrize(
    "text", ["word " * 2000, "x" * 10_000, "把" * 5_000, "<" * 5_000, "🧪" * 3_000, "' & " * 3_000]
)
def test_a_folded_text_has_short_lines_and_loses_nothing(text: str) -> None:
    folded = fold(text)

    assert max(len(line.encode()) for line in folded.split("\n")) <= 998
    assert folded.replace("<wbr\n>", "").replace("\n", " ").unescape() == text


def test_lines_without_long_words_are_folded_as_the_pattern_does() -> None:
    dice = random.Random(7)
    for _ in range(500):
        text = " ".join(dice.choice(["", "<", "\n", "x" * dice.randint(1, 60)]) for _ in range(dice.randint(1, 20)))
        assert fold(text) == escape(_LONG_LINE.sub("\\1\n", text))


@given(
    st.text(st.sampled_from("ab-\u2014 \n\t\0\u00a0\u2028"), max_size=400)
    | st.lists(st.integers(0, 90).map("x".__mul__), max_size=30).map(" ".join),
    st.sampled_from([0, 4]),
)
def test_wrapping_gives_the_lines_of_textwrap(text: str, indent: int) -> None:
    blank = " " * indent
    filled = textwrap.fill(
        one_line(text), COLUMNS, initial_indent=blank, subsequent_indent=blank, break_on_hyphens=False
    )
    assert wrap(text, indent) == (filled or blank)


def test_what_is_taken_out_of_a_line_leaves_no_second_space() -> None:
    assert one_line("\0 a \0 b\u2028c \u202e") == "a b c"


def test_wrapping_keeps_a_link_whole_unless_it_is_of_no_use() -> None:
    link, never = "https://code.example.org/" + "a-b/" * 20, "https://" + "a" * 600
    assert wrap(f"Code is at {link} now.", 4) == f"    Code is at\n    {link}\n    now."
    assert max(map(len, wrap(f"Code is at {never} now.").split("\n"))) == COLUMNS


def test_wrapping_keeps_to_the_columns_and_puts_the_number_in_the_margin() -> None:
    lines = (margin(12, 4) + wrap("A title of many words that goes on " * 5 + "x" * 300, 4, hang=True)).split("\n")

    assert lines[0].startswith("12. A title")
    assert all(line.startswith("    ") for line in lines[1:])
    assert max(map(len, lines)) <= COLUMNS
