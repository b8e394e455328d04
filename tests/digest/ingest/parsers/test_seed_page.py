from __future__ import annotations

from digest.identifiers.canonical import title_identifier
from digest.ingest import parsers
from digest.source_errors import ErrorKind
from tests.support.source_errors import unreadable

HEADING = "Get trending papers in your email inbox once a day!\nGet trending papers in your email inbox!\n"


def test_the_buttons_word_is_taken_off_the_first_title_only() -> None:
    read = parsers.read(f"{HEADING}SubscribeCounting bees\nWe count.\nSubscribe or perish\nWe do.\n".encode())
    assert [(entry.title, entry.abstract) for entry in read.entries] == [
        ("Counting bees", "We count."),
        ("Subscribe or perish", "We do."),
    ]


def test_a_paper_is_known_by_its_readable_title_and_found_by_a_search() -> None:
    (paper,) = parsers.read(f"{HEADING}SubscribeThe {{\\em bee}} at $N$\nWe count.".encode()).entries
    assert paper.identifiers == (title_identifier("The bee at N"),)
    assert paper.url == "https://arxiv.org/search/?searchtype=title&query=The+bee+at+N"


def test_a_last_title_without_an_abstract_is_refused() -> None:
    read = parsers.read(f"{HEADING}SubscribeCounting bees\nWe count.\nLost bees".encode())
    assert [(refused.what, len(read.entries)) for refused in read.refused] == [("Lost bees", 1)]


def test_any_other_text_is_no_page_of_papers() -> None:
    with unreadable(ErrorKind.UNKNOWN_FORMAT, detail="Dear reader"):
        parsers.read(b"Dear reader,\nhere is some text.\n")
