"""Pieces of mails are encoded one by one, and may stand next to each other in any order."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from subscriptions.mail.rendering import Placeholder
from subscriptions.mail.template_cache import CompiledTemplate, decode, encode

LINES = st.lists(st.text(st.sampled_from(".=é日 a\t"), max_size=90)).map("\n".join)


@given(st.lists(LINES, max_size=4))
@example(["." * 200, ".\n.\n..a", ".", "x" * 74 + ".", "x" * 75 + "." * 80])
@example(["x" * 74 + " \n", "x" * 75 + "\t\n", "=" * 24 + "xx \n \n", "x" * 73 + " \n.", "x" * 75 + " "])
def test_pieces_stand_together_in_short_lines_of_which_none_begins_with_a_dot(texts: list[str]) -> None:
    octets = b"".join(map(encode, texts))
    assert decode(octets) == "".join(texts)
    lines = octets.split(b"\r\n")
    assert not octets or lines.pop() == b""
    assert max(map(len, lines), default=0) <= 76
    assert not any(line.startswith(b".") for line in lines)
    assert octets.isascii()


def compiled(text: str) -> CompiledTemplate:
    return CompiledTemplate.of(text, lambda names: str)


def test_a_hole_that_a_template_lacks_has_nothing_after_it() -> None:
    template = compiled(f"a{Placeholder('why')}b{Placeholder('url')}c")
    assert template.around(("number", "why", "url", "url")) == (b"a=\r\n", b"", b"b=\r\n", b"c=\r\n", b"")


@pytest.mark.parametrize("names", [(), ("why",), ("url", "why")])
def test_a_hole_where_none_is_looked_for_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="not where it is looked for"):
        compiled(f"a{Placeholder('why')}b{Placeholder('url')}c").around(names)


def test_each_hole_is_filled_with_its_value() -> None:
    template = compiled(f"a{Placeholder('why')}{Placeholder('papers')}")
    assert template.fill({"why": b"u", "papers": b"12"}) == b"a=\r\nu12"
    with pytest.raises(KeyError):
        template.fill({"why": b"u"})
