"""Pieces of mails are encoded one by one, and may stand next to each other in any order."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from subscriptions.mail.encodings import JSON_STRING, QUOTED_PRINTABLE
from subscriptions.mail.rendering import Placeholder
from subscriptions.mail.template_cache import CompiledTemplate

LINES = st.lists(st.text(st.sampled_from(".=é日 a\t"), max_size=90)).map("\n".join)


@given(st.lists(LINES, max_size=4))
@example(["." * 200, ".\n.\n..a", ".", "x" * 74 + ".", "x" * 75 + "." * 80])
@example(["x" * 74 + " \n", "x" * 75 + "\t\n", "=" * 24 + "xx \n \n", "x" * 73 + " \n.", "x" * 75 + " "])
def test_pieces_stand_together_in_short_lines_of_which_none_begins_with_a_dot(texts: list[str]) -> None:
    octets = b"".join(map(QUOTED_PRINTABLE.encode, texts))
    assert QUOTED_PRINTABLE.decode(octets) == "".join(texts)
    lines = octets.split(b"\r\n")
    assert not octets or lines.pop() == b""
    assert max(map(len, lines), default=0) <= 76
    assert not any(line.startswith(b".") for line in lines)
    assert octets.isascii()


@given(st.lists(st.text(), max_size=4))
@example(["\ud83d", "\ude00", '"\\"', "\u2028</script>\0"])
def test_pieces_of_json_are_what_json_makes_of_the_whole(texts: list[str]) -> None:
    octets = b"".join(map(JSON_STRING.encode, texts))
    assert b'"%b"' % octets == json.dumps("".join(texts)).encode()
    assert octets.isascii()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_json_holds_is_read_as_it_was(text: str) -> None:
    assert JSON_STRING.decode(JSON_STRING.encode(text)) == text


def compiled(text: str) -> CompiledTemplate:
    return CompiledTemplate.of(text, QUOTED_PRINTABLE, lambda names: str.encode)


def test_a_hole_that_a_template_lacks_has_nothing_after_it() -> None:
    template = compiled(f"a{Placeholder('why')}b{Placeholder('url')}c")
    assert template.around(("number", "why", "url", "url")) == (b"a=\r\n", b"", b"b=\r\n", b"c=\r\n", b"")


@pytest.mark.parametrize("names", [(), ("why",), ("url", "why")])
def test_a_hole_where_none_is_looked_for_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="not where it is looked for"):
        compiled(f"a{Placeholder('why')}b{Placeholder('url')}c").around(names)


def test_each_hole_is_filled_with_its_value() -> None:
    template = compiled(f"a{Placeholder('why')}{Placeholder('papers')}")
    assert b"".join(template.fill({"why": b"u", "papers": b"12"})) == b"a=\r\nu12"
    with pytest.raises(KeyError):
        template.fill({"why": b"u"})


@pytest.mark.parametrize("papers", [[], [b"1"], [b"1", b"2", b"3"]])
def test_a_hole_may_be_filled_with_many_pieces(papers: list[bytes]) -> None:
    template = compiled(f"a{Placeholder('picks')}b{Placeholder('why')}c{Placeholder('papers')}d")
    filled = template.fill({"papers": papers, "picks": [b"x", b"y"], "why": b"u"})
    assert filled == [b"a=\r\n", b"x", b"y", b"b=\r\n", b"u", b"c=\r\n", *papers, b"d=\r\n"]
