"""Which work a notice takes back or voices concern about, by its words."""

from __future__ import annotations

import json

import pytest

from digest.ingest import parsers
from digest.ingest.entry import Entry
from digest.ingest.parser_process import decode, encode
from digest.ingest.parsers.notices import Notice, notice_in
from digest.ingest.parsers.retractions import NOTICE, why_no_work

TITLE = "Bees count to four"
LONG = "The above article, published online on 3 August 2026 (bees.example), has been retracted by agreement. " * 5


def item(title: str, *, abstract: str = "", related: tuple[str, ...] = ()) -> Entry:
    return Entry(
        identifiers=("doi:10.5555/notice",),
        title=title,
        abstract=abstract,
        related=related,
        url="https://bees.example/n",
    )


def about(title: str, **values: object) -> Notice | None:
    assert why_no_work(title, str(values.get("abstract", ""))) == NOTICE
    return notice_in(item(title, **values))


@pytest.mark.parametrize(
    "title",
    [
        f"Retraction Note: {TITLE}",
        f"Retraction Note to: {TITLE}",
        f"Retraction notice to “{TITLE}” [J. Bees 88 (2026) 104]",
        f"RETRACTION: {TITLE}",
        f"Retraction: “{TITLE}”",
        f'Retraction of "{TITLE}"',
        f"Retraction for Lee et al., {TITLE}",
        f"Retraction for Lee et al., “{TITLE}”",
        f"Notice of Retraction: {TITLE}",
        f"Notice of Withdrawal: {TITLE}",
        f"Statement of Retraction: {TITLE}",
        f"Withdrawal: {TITLE}",
        f"Withdrawal notice to: {TITLE}",
        f"Removal notice to ‘{TITLE}’ [J. Bees 88 (2026) 104]",
        f"<b>Retraction Note</b>: <i>Bees</i> {TITLE.removeprefix('Bees ')}",
    ],
)
def test_the_title_behind_the_words_of_a_notice_names_the_work(title: str) -> None:
    found = about(title)
    assert found
    assert (found.about, found.identifiers, found.is_concern) == (TITLE, (), False)


@pytest.mark.parametrize(
    "title",
    [
        f"Expression of Concern: {TITLE}",
        f"Editorial Expression of Concern: “{TITLE}”",
        f"Expression of concern to {TITLE}",
    ],
)
def test_a_concern_is_told_from_a_retraction(title: str) -> None:
    found = about(title)
    assert found
    assert (found.about, found.is_concern) == (TITLE, True)


@pytest.mark.parametrize(
    ("title", "values", "identifiers"),
    [
        ("Retraction", {"abstract": "[This retracts the article DOI: 10.5555/Bees.1.]"}, ("doi:10.5555/bees.1",)),
        (
            "Retracted: Bees",
            {"abstract": "<p>[This retracts the article DOI: 10.5555/bees.1.].</p>"},
            ("doi:10.5555/bees.1",),
        ),
        (
            "Retraction",
            {"abstract": "This retracts the article https://doi.org/10.5555/bees.1"},
            ("doi:10.5555/bees.1",),
        ),
        ("Retraction Note", {"related": ("https://doi.org/10.5555/bees.1",)}, ("doi:10.5555/bees.1",)),
        ("Retraction Note", {"related": ("https://bees.example/1", "doi:10.5555/notice")}, None),
        ("Retraction: arXiv:2608.01240v2", {}, ("arxiv:2608.01240",)),
        (
            "Retraction of: article doi:10.5555/bees.1",
            {"abstract": "This retracts the article DOI: 10.5555/bees.1"},
            ("doi:10.5555/bees.1",),
        ),
        ("Retraction", {"abstract": "It overlaps with the article DOI: 10.5555/bees.1"}, None),
    ],
)
def test_an_identifier_names_the_work(
    title: str, values: dict[str, object], identifiers: tuple[str, ...] | None
) -> None:
    found = about(title, **values)
    assert (found and found.identifiers) == identifiers


@pytest.mark.parametrize(
    "title",
    [
        f"Correction to: {TITLE}",
        f"Erratum: {TITLE}",
        f"Partial Retraction: {TITLE}",
        f"Retraction and Replacement: {TITLE}",
        f"Notice of Retraction and Replacement. Lee. {TITLE}",
        f"Retraction: Expression of Concern: {TITLE}",
        f"Retraction Note: Correction to: {TITLE}",
        "Retraction",
        "Retraction Note: Editorial",
    ],
)
def test_what_takes_no_single_work_back_names_none(title: str) -> None:
    assert about(title, related=("doi:10.5555/bees.1",) if title[0] in "CEPN" else ()) is None


def test_a_mentioned_work_is_not_the_one_that_is_taken_back() -> None:
    found = about("Retraction Note: Comment on arXiv:2608.01240")
    assert found
    assert (found.identifiers, found.about) == ((), "Comment on arXiv:2608.01240")


def test_a_long_notice_that_says_so_is_no_paper() -> None:
    assert about(f"Retraction: {TITLE}", abstract=LONG)
    assert about(f"Retraction Note: {TITLE}", abstract="We watch bees. " * 40)
    assert why_no_work("Retraction: how science mends itself", "We count papers that were retracted. " * 20) == ""


def test_notices_come_out_of_a_feed_and_through_the_parsing_process() -> None:
    head = 'xmlns:d="http://purl.org/dc/elements/1.1/" xmlns="http://www.w3.org/2005/Atom"'
    entries = "".join(
        f"<entry><title>Retraction</title><id>urn:{n}</id><link href='https://bees.example/{n}'/>{more}</entry>"
        for n, more in enumerate(
            [
                "<link rel='related' href='https://doi.org/10.5555/bees.1'/>",
                "<d:relation>doi:10.5555/bees.2</d:relation>",
            ]
        )
    )
    read = parsers.read(f"<feed {head}><title>Bees</title>{entries}</feed>".encode())
    assert [notice.identifiers for notice in read.notices] == [("doi:10.5555/bees.1",), ("doi:10.5555/bees.2",)]
    assert (read.entries, [one.why for one in read.refused]) == ((), [NOTICE, NOTICE])
    assert decode(type(read), json.loads(encode(read))) == read
