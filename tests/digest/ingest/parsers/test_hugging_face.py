from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from digest.ingest import parsers
from digest.ingest.entry import Entry
from digest.source_errors import ErrorKind
from tests.support.source_errors import unreadable


def item(*, top: dict[str, Any] | None = None, **paper: Any) -> dict[str, Any]:
    known = {
        "id": "2601.00042",
        "title": "Bees that\n  count",
        "summary": "We count.",
        "upvotes": 7,
        "authors": [{"name": "Ann Lee", "hidden": False}, {"name": "Bo Chen", "hidden": True}, {"_id": "1"}],
        "publishedAt": "2026-01-28T08:15:00.000Z",
        "submittedOnDailyAt": "2026-01-30T13:00:00.000Z",
    }
    return {"paper": known | paper, "publishedAt": "2026-01-27T20:00:00.000Z", **(top or {})}


def one(*, top: dict[str, Any] | None = None, **paper: Any) -> Entry:
    (entry,) = parsers.read(json.dumps([item(top=top, **paper)]).encode()).entries
    return entry


def test_the_day_is_that_of_the_daily_papers_and_not_the_top_date() -> None:
    paper = one()
    assert (paper.announced_on, paper.published) == (date(2026, 1, 30), datetime(2026, 1, 28, 8, 15, tzinfo=UTC))
    assert one(submittedOnDailyAt=None).announced_on is None


def test_hidden_authors_stay_hidden() -> None:
    assert one().authors == ("Ann Lee",)


@pytest.mark.parametrize(
    ("top", "paper", "points"),
    [
        ({}, {"upvotes": 0}, 0),
        ({"upvotes": 9}, {"upvotes": None}, 9),
        ({"upvotes": 9}, {}, 7),
        ({}, {"upvotes": "many"}, None),
    ],
)
def test_votes_of_the_paper_go_before_those_at_the_top(top: dict[str, Any], paper: dict[str, Any], points: int) -> None:
    assert one(top=top, **paper).points == points


@pytest.mark.parametrize("strange", [-1, 1e400, True, [], {}, "NaN", 10**30, None])
def test_a_count_that_is_none_is_left_out(strange: Any) -> None:
    paper = one(upvotes=strange, githubStars=strange, top={"numComments": strange})
    assert (paper.points, paper.comments, paper.stars) == (None, None, None)


def test_the_summary_of_hugging_face_is_read_where_there_is_one() -> None:
    assert one(ai_summary="Bees count.").summary == "Bees count."
    assert [one(ai_summary=strange).summary for strange in (None, 7, ["Bees"], {})] == ["", "", "", ""]
    assert one().summary == ""


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("https://github.com/ada/tides", "https://github.com/ada/tides"),
        ("ada/tides.js", "https://github.com/ada/tides.js"),
        ("github.com/ada/tides.git", "https://github.com/ada/tides"),
        ("http://www.github.com/ada/tides/", "https://github.com/ada/tides"),
        ("https://example.org/ada/tides", ""),
        ("javascript:alert(1)//a", ""),
        ("ada/tides/tree/main", ""),
        (None, ""),
        ([1], ""),
    ],
)
def test_the_repository_is_a_link_or_a_name_at_github(said: Any, address: str) -> None:
    assert one(githubRepo=said).code == address


def test_a_paper_taken_back_is_marked() -> None:
    assert one(withdrawnAt="2026-02-01T00:00:00.000Z").withdrawn
    assert not one(withdrawnAt=None).withdrawn


def test_a_day_without_papers_is_an_empty_feed() -> None:
    assert parsers.read(b"[]").entries == ()


def test_an_error_is_told_in_its_own_words() -> None:
    with unreadable(ErrorKind.SOURCE_ERROR, detail="Invalid date"):
        parsers.read(b'{"error": "Invalid date"}')


def test_the_detail_of_one_paper_reads_like_a_list_of_one() -> None:
    assert parsers.read(json.dumps(item()["paper"]).encode()).entries[0].points == 7


def test_a_strange_item_costs_only_itself() -> None:
    read = parsers.read(json.dumps([None, 7, {"paper": []}, item(id="bees"), item(title=["x"]), item()]).encode())
    whys = ["not a paper", "not a paper", "not a paper", "no arXiv id", "no title"]
    assert ([refused.why for refused in read.refused], len(read.entries)) == (whys, 1)


def test_of_a_cut_answer_the_whole_items_are_kept() -> None:
    body = json.dumps([item(id="2601.00001"), item(id="2601.00002"), item(id="2601.00003")]).encode()
    read = parsers.read(body[:-40])
    assert [entry.identifiers[0] for entry in read.entries] == ["arxiv:2601.00001", "arxiv:2601.00002"]
    assert [refused.why for refused in read.refused] == ["cut in the middle"]
    with unreadable(ErrorKind.TRUNCATED):
        parsers.read(body[:100])


def test_half_a_character_of_a_pair_is_dropped_because_no_database_takes_it() -> None:
    assert one(title="Bees \ud83d count\x00 on").title == "Bees  count on"


def test_a_projects_page_is_kept_if_it_is_one_address() -> None:
    def project(value: object) -> str:
        body = json.dumps([{"paper": {"id": "2601.00001", "title": "T", "projectPage": value}}]).encode()
        return parsers.read(body).entries[0].project

    assert project("https://example.org/project") == "https://example.org/project"
    for value in (None, 7, "", "javascript:alert(1)", "//x", "https://", "https://example.org/" + "x" * 300):
        assert project(value) == ""
