from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from digest.ingest import parsers
from digest.ingest.parsers import Feed
from digest.source_errors import ErrorKind
from tests.support.source_errors import unreadable


def preprint(**said: Any) -> dict[str, Any]:
    return {
        "doi": "10.1101/2026.01.02.123456",
        "title": "Counting bees",
        "authors": "Lee, A.; van der Berg, K. J.; Chen, B.",
        "abstract": "We count.",
        "date": "2026-01-30",
        "version": "1",
        "category": "animal behavior and cognition",
        "published": "NA",
    } | said


def answer(*preprints: Any, messages: Any = None) -> Feed:
    told = [{"status": "ok", "cursor": 0, "count": len(preprints), "total": "250"}] if messages is None else messages
    return parsers.read(json.dumps({"messages": told, "collection": list(preprints)}).encode())


def test_dates_without_leading_zeros_sort_as_the_days_they_are() -> None:
    read = answer(
        preprint(date="2026-6-30"),
        preprint(doi="10.1101/2", date="2026-07-15"),
        preprint(doi="10.1101/3", date="2026-6-5"),
    )
    assert [entry.announced_on for entry in read.entries] == [date(2026, 6, 30), date(2026, 7, 15), date(2026, 6, 5)]
    assert read.announced_on == date(2026, 7, 15)


def test_a_preprint_is_read_whole() -> None:
    (paper,) = answer(preprint()).entries
    assert paper.identifiers == ("doi:10.1101/2026.01.02.123456",)
    assert paper.authors == ("A. Lee", "K. J. van der Berg", "B. Chen")
    assert paper.categories == ("animal behavior and cognition",)
    assert paper.url == "https://www.biorxiv.org/content/10.1101/2026.01.02.123456v1"


def test_a_revision_replaces_and_is_dated_but_not_published_again() -> None:
    (paper,) = answer(preprint(version="3")).entries
    assert (paper.version, paper.announced, paper.published) == (3, "replace", None)
    assert paper.url.endswith("v3")


def test_a_preprint_posted_and_revised_in_one_span_is_new_in_its_latest_version() -> None:
    read = answer(preprint(version="2", title="Counting more bees"), preprint())
    (paper,) = read.entries
    assert (paper.title, paper.version, paper.announced) == ("Counting more bees", 2, "new")
    assert [refused.why for refused in read.refused] == ["listed twice"]


def test_the_journals_doi_is_a_second_name_and_a_placeholder_is_none() -> None:
    assert answer(preprint(published="10.1000/Bee.7")).entries[0].identifiers[1:] == ("doi:10.1000/bee.7",)
    assert answer(preprint(published="NA")).entries[0].identifiers[1:] == ()


def test_reading_only_the_first_page_shows_as_short() -> None:
    assert answer(preprint()).stated_total == 250
    last = [{"status": "ok", "cursor": "200", "total": 250}]
    assert answer(preprint(), messages=last).stated_total == 50


@pytest.mark.parametrize("messages", [[], {}, None, "ok", [7], [{"total": "lots"}]])
def test_messages_of_any_shape_do_not_hide_the_papers(messages: Any) -> None:
    assert len(answer(preprint(), messages=messages).entries) == 1


def test_medrxiv_is_told_apart_by_what_its_papers_say() -> None:
    read = answer(preprint(jatsxml="https://www.medrxiv.org/content/early/1.source.xml"))
    assert (read.name, read.entries[0].url.partition("/content")[0]) == ("medRxiv API", "https://www.medrxiv.org")


def test_a_withdrawn_preprint_is_marked() -> None:
    assert answer(preprint(title="WITHDRAWN: Counting bees")).entries[0].withdrawn
    assert answer(preprint(abstract="The authors have withdrawn this manuscript.")).entries[0].withdrawn


def test_a_preprint_without_a_doi_costs_only_itself() -> None:
    read = answer(preprint(doi=""), preprint())
    assert ([refused.why for refused in read.refused], len(read.entries)) == (["no DOI"], 1)


def test_an_answer_without_papers_is_told_in_its_own_words() -> None:
    with unreadable(ErrorKind.SOURCE_ERROR, detail="start date is wrong"):
        parsers.read(b'{"messages": [{"status": "Error: start date is wrong"}]}')


def test_of_a_cut_answer_the_whole_papers_are_kept() -> None:
    body = json.dumps({"messages": [], "collection": [preprint(), preprint(doi="10.1101/2")]}).encode()
    read = parsers.read(body[:-20])
    assert (read.kind, len(read.entries), len(read.refused)) == ("biorxiv_api", 1, 1)
