"""The work of our own helpers grows with the length of a text, whatever is repeated in it, and stops at its limit.

Executed instructions of Python are counted, no time is taken. No atom makes a helper call other software (nh3, a parser
of XML) with what is repeated.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from digest.identifiers.canonical import canonical_identifier, normalise_title, title_identifier, version_of
from digest.ingest.entry import Entry
from digest.ingest.parsers.authors import authors_of
from digest.ingest.parsers.descriptions import describe
from digest.ingest.parsers.feed import shorten_text, web_address
from digest.ingest.parsers.notices import notice_in
from digest.text import clean, clean_abstract, clean_name, fold, key_sentence, sentences, split_authors, visible
from digest.text.limits import MOST, MOST_OF_NAMES
from subscriptions.unicode_text import clean_text, stream_safe
from subscriptions.web.fields import NameList, PhraseList

pytestmark = pytest.mark.slow

ATOMS = (
    *",;()-.:'`~%$^_{}\\/?#=@ \n",
    *("a,", "A.,", "Jr,", "Jr.; ", "a; b, Jr, ", " and ", "et al.,", "A. B.", "group: ", "(a", "a)", "(,)", "a (b), "),
    *("$x$", "\\'", "\\'e", "\\frac", "{a", "}{", "x_", "^{", "\\\\", "mathcal{", "varepsilon", "\\not", "~\\", "%\n"),
    *(
        "10.1/",
        "arxiv:",
        "https://",
        "/v1",
        "v1",
        "utm_a=b&",
        "2401.",
        "…",
        ". A",
        "?!",
        "e.g. ",
        "we ",
        "results ",
        "We show. ",
        "[J. ",
        "é",
        "中",
        "\u200d",
        "\u200d中",
        "O_FIG ",
        "O_ST_ABS",
        "C_LI",
        "A B and ",
        "Retraction of ",
    ),
)
HELPERS: tuple[Callable[[str], Any], ...] = (
    clean,
    clean_abstract,
    clean_name,
    fold,
    key_sentence,
    sentences,
    split_authors,
    visible,
    lambda text: authors_of([text]),
    lambda text: authors_of(text.split(" ")),
    canonical_identifier,
    version_of,
    normalise_title,
    lambda text: describe(text, authors=["A B"]),
    lambda text: notice_in(Entry(identifiers=("url:a/b",), title=text, abstract=text)),
    title_identifier,
    shorten_text,
    web_address,
    clean_text,
    PhraseList().split,
    lambda text: list(NameList().split(text)),
)
# more than twice as much for twice the text, with room for what is done once
GROWTH = 2.5
SOME, MORE = 300, 600


def work(helper: Callable[[str], Any], text: str) -> int:
    """Count the instructions that a call executes."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        helper(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("helper", HELPERS, ids=lambda helper: helper.__qualname__)
def test_work_grows_with_the_length(helper: Callable[[str], Any]) -> None:
    steep = {}
    for atom in ATOMS:
        some, more = (work(helper, atom * times) for times in (SOME, MORE))
        if more > GROWTH * some + 500:
            steep[atom] = (some, more)
    assert steep == {}


@pytest.mark.parametrize("atom", ["\u0300", "\u0300\u0327", "a\u0300", "\u0344", "\u1f82", "\u00e9\u0301"])
def test_making_a_text_stream_safe_is_linear(atom: str) -> None:
    some, more = (work(stream_safe, atom * times) for times in (2000, 4000))
    assert more <= GROWTH * some + 500


@pytest.mark.parametrize(
    ("helper", "limit"),
    [(clean, MOST), (clean_abstract, MOST), (split_authors, MOST_OF_NAMES), (sentences, MOST), (clean_name, 1000)],
)
def test_what_is_beyond_the_limit_costs_nothing(helper: Callable[[str], Any], limit: int) -> None:
    word = "word, "
    longest = word * (limit // len(word) + 1)
    helper(longest)  # patterns are compiled once
    assert work(helper, longest * 3) < 1.01 * work(helper, longest)


def test_work_that_grows_faster_is_noticed() -> None:
    def quadratic(text: str) -> int:
        return sum(1 for _ in text for _ in text)

    assert work(quadratic, "a" * MORE) > GROWTH * work(quadratic, "a" * SOME)
