from __future__ import annotations

from datetime import UTC, datetime

import pytest

from digest.ingest import parsers
from digest.source_errors import ErrorKind
from tests.support.source_errors import unreadable


def entry(*, id: str = "http://arxiv.org/abs/2601.00042v2", title: str = "Bees", extra: str = "") -> str:
    return f"""<entry><id>{id}</id><title>{title}</title><updated>2026-01-29T10:00:00Z</updated>
        <published>2026-01-28T09:00:00Z</published><summary>  We count bees.</summary>
        <category term="stat.ML"/><category term="I.2.6"/><category term="cs.LG"/>
        <arxiv:primary_category term="cs.LG"/><author><name>Ann Lee</name><arxiv:affiliation>MIT, USA</arxiv:affiliation>
        </author><author><name>Bo Chen</name></author>{extra}</entry>"""


def answer(*entries: str, matches: int = 1, start: int = 0, size: int = 100) -> bytes:
    return f"""<?xml version='1.0' encoding='UTF-8'?><feed xmlns="http://www.w3.org/2005/Atom"
        xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom">
        <id>https://arxiv.org/api/abc</id><title>arXiv Query: search_query=all:bees</title>
        <opensearch:itemsPerPage>{size}</opensearch:itemsPerPage>
        <opensearch:totalResults>{matches}</opensearch:totalResults>
        <opensearch:startIndex>{start}</opensearch:startIndex>{"".join(entries)}</feed>""".encode()


def test_the_primary_category_comes_first_wherever_it_stands() -> None:
    (paper,) = parsers.read(answer(entry())).entries
    assert paper.categories == ("cs.LG", "stat.ML")


def test_authors_come_one_by_one_and_without_their_affiliations() -> None:
    (paper,) = parsers.read(answer(entry())).entries
    assert paper.authors == ("Ann Lee", "Bo Chen")


def test_a_paper_is_dated_by_its_first_submission_and_announced_by_nobody() -> None:
    (paper,) = parsers.read(answer(entry())).entries
    assert paper.published == datetime(2026, 1, 28, 9, tzinfo=UTC)
    assert (paper.version, paper.announced, paper.announced_on) == (2, "", None)


@pytest.mark.parametrize(
    ("id", "identifier", "version"),
    [
        ("http://arxiv.org/abs/math.CA/0611800v2", "arxiv:math/0611800", 2),
        ("http://arxiv.org/abs/hep-th/9901001", "arxiv:hep-th/9901001", 1),
        ("http://arxiv.org/abs/0704.0001v1", "arxiv:0704.0001", 1),
    ],
)
def test_ids_of_all_times_keep_what_names_the_paper(id: str, identifier: str, version: int) -> None:
    (paper,) = parsers.read(answer(entry(id=id))).entries
    assert (paper.identifiers[0], paper.version) == (identifier, version)


@pytest.mark.parametrize(
    ("matches", "start", "size", "expected"), [(0, 0, 100, 0), (3, 0, 100, 3), (230, 0, 100, 100), (230, 200, 100, 30)]
)
def test_a_short_page_can_be_told_from_the_end(matches: int, start: int, size: int, expected: int) -> None:
    assert parsers.read(answer(matches=matches, start=start, size=size)).stated_total == expected


def test_an_error_among_papers_is_refused_with_its_message() -> None:
    wrong = """<entry><id>https://arxiv.org/api/errors#incorrect_id</id><title>Error</title>
        <summary>incorrect id format for bees</summary></entry>"""
    read = parsers.read(answer(entry(), wrong))
    assert [refused.why for refused in read.refused] == ["incorrect id format for bees"]
    with unreadable(ErrorKind.SOURCE_ERROR, detail="incorrect id format for bees"):
        parsers.read(answer(wrong))


@pytest.mark.parametrize(
    ("comment", "withdrawn"),
    [
        ("This paper has been withdrawn by the authors due to an error in Lemma 3", True),
        ("Withdrawn", True),
        ("5 pages. Withdrawn by arXiv administrators", True),
        ("This submission has been withdrawn from arXiv", True),
        ("12 pages, 3 figures", False),
        ("Replaces the papers 1501.07227 and 1412.4178, which have all been withdrawn", False),
        ("It is therefore requested to be withdrawn to avoid duplication", False),
        ("This paper was withdrawn from the conference and is under review", False),
    ],
)
def test_a_comment_withdraws_a_paper_only_when_it_says_so_of_this_paper(comment: str, withdrawn: bool) -> None:
    (paper,) = parsers.read(answer(entry(extra=f"<arxiv:comment>{comment}</arxiv:comment>"))).entries
    assert paper.withdrawn is withdrawn
