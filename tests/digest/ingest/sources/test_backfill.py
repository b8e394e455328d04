from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import pytest

from digest.ingest import parsers
from digest.ingest.parsers import SourceUnreadable
from digest.ingest.sources.backfill import MOST_REQUESTS, TRIES, backfill
from digest.source_errors import ErrorKind
from tests.support.source_errors import unreadable

DAY = date(2026, 3, 3)  # a Tuesday: Friday 27 February 14:00 to Monday 2 March 14:00 Eastern
OPENS, CLOSES = datetime(2026, 2, 27, 19, tzinfo=UTC), datetime(2026, 3, 2, 19, tzinfo=UTC)


class Submitted(NamedTuple):
    number: int
    at: datetime = OPENS + timedelta(hours=1)
    categories: str = "cs.LG"
    version: int = 1

    def as_atom(self) -> str:
        primary, *_ = self.categories.split()
        terms = "".join(f'<category term="{term}"/>' for term in self.categories.split())
        return (
            f"<entry><id>http://arxiv.org/abs/2603.{self.number:05}v{self.version}</id><title>Paper {self.number}</title>"
            f"<published>{self.at:%Y-%m-%dT%H:%M:%SZ}</published><summary>What was done.</summary>"
            f'<author><name>Ada Lovelace</name></author><arxiv:primary_category term="{primary}"/>{terms}</entry>'
        )


def answer(papers: list[Submitted], *, total: int, start: int = 0, size: int = 500, query: str = "q") -> bytes:
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom" '
        'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">'
        f"<id>https://arxiv.org/api/abc</id><title>arXiv Query: {escape(query)}</title>"
        f"<opensearch:itemsPerPage>{size}</opensearch:itemsPerPage>"
        f"<opensearch:totalResults>{total}</opensearch:totalResults>"
        f"<opensearch:startIndex>{start}</opensearch:startIndex>{''.join(paper.as_atom() for paper in papers)}</feed>"
    ).encode()


class Api:
    """An API with these papers; ``fault`` may spoil a page, told where it starts and how often it was asked for."""

    def __init__(
        self,
        papers: list[Submitted],
        *,
        total: int | None = None,
        fault: Callable[[int, int, list[Submitted]], list[Submitted] | bytes] = lambda start, again, page: page,
    ) -> None:
        self.papers, self.total, self.fault = papers, len(papers) if total is None else total, fault
        self.asked: list[int] = []
        self.query = ""

    def get(self, url: str) -> bytes:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        start, size, self.query = int(asked["start"]), int(asked["max_results"]), asked["search_query"]
        assert (asked["sortBy"], asked["sortOrder"]) == ("submittedDate", "ascending")
        self.asked.append(start)
        page = self.fault(start, self.asked.count(start), self.papers[start : start + size])
        return page if isinstance(page, bytes) else answer(page, total=self.total, start=start, size=size)


def papers(count: int, **kwargs: object) -> list[Submitted]:
    return [Submitted(number, **kwargs) for number in range(1, count + 1)]


def ids(feed: parsers.Feed) -> list[str]:
    return [entry.identifiers[0].removeprefix("arxiv:2603.0") for entry in feed.entries]


def test_the_query_asks_for_the_batch_of_that_day_and_two_days_before_it() -> None:
    api = Api(papers(1))
    backfill(["cs.LG", "math", "econ+q-fin", "hep-th"], DAY, get=api.get)
    categories = "cat:cs.LG OR cat:math.* OR cat:econ.* OR cat:q-fin.* OR cat:hep-th"
    assert api.query == f"({categories}) AND submittedDate:[202602251900 TO 202603021900]"


def test_a_day_comes_page_by_page_each_paper_once() -> None:
    api = Api(papers(12))
    (feed,) = backfill(["cs.LG"], DAY, get=api.get, page_size=5)
    assert api.asked == [0, 5, 10]
    assert (len(ids(feed)), len(set(ids(feed))), feed.stated_total, feed.notes) == (12, 12, 12, ())
    assert {(entry.announced, entry.announced_on) for entry in feed.entries} == {("new", DAY)}
    assert feed.announced_on == DAY


@pytest.mark.parametrize("spoilt", [[], [Submitted(6)], b"<html><body>Try later</body></html>", b"", b"\x00\x01"])
def test_a_page_that_is_empty_short_or_none_is_asked_for_again(spoilt: list[Submitted] | bytes) -> None:
    api = Api(papers(12), fault=lambda start, again, page: spoilt if start == 5 and again < TRIES else page)
    (feed,) = backfill(["cs.LG"], DAY, get=api.get, page_size=5)
    assert api.asked == [0, 5, 5, 5, 10]
    assert (len(ids(feed)), feed.stated_total) == (12, 12)


def test_a_page_that_stays_empty_is_not_the_end_and_what_is_missing_is_told() -> None:
    api = Api(papers(12), fault=lambda start, again, page: [] if start == 5 else page)
    (feed,) = backfill(["cs.LG"], DAY, get=api.get, page_size=5)
    assert api.asked == [0, 5, 5, 5, 10]
    assert (len(ids(feed)), feed.stated_total) == (7, 12)
    assert feed.notes == ("back-filled, but 5 of 12 papers of these days did not come",)


def test_a_first_page_that_claims_nothing_at_all_is_asked_for_again() -> None:
    api = Api(papers(3), fault=lambda start, again, page: answer([], total=0) if again == 1 else page)
    (feed,) = backfill(["cs.LG"], DAY, get=api.get)
    assert (api.asked, len(ids(feed))) == ([0, 0], 3)


def test_a_later_page_that_states_fewer_is_not_believed() -> None:
    api = Api(papers(12), fault=lambda start, again, page: answer([], total=0) if start == 5 else page)
    (feed,) = backfill(["cs.LG"], DAY, get=api.get, page_size=5)
    assert api.asked == [0, 5, 5, 5, 10]
    assert (len(ids(feed)), feed.stated_total) == (7, 12)


def test_a_category_without_papers_gives_an_empty_feed() -> None:
    (feed,) = backfill(["cs.LG"], DAY, get=Api([]).get)
    assert (feed.entries, feed.stated_total) == ((), 0)


def test_smaller_pages_than_were_asked_for_lose_nothing() -> None:
    api = Api(papers(12), fault=lambda start, again, page: page[:4])
    (feed,) = backfill(["cs.LG"], DAY, get=api.get, page_size=10)
    assert (len(ids(feed)), feed.stated_total, feed.notes) == (12, 12, ())


def test_the_asking_ends_when_the_total_is_a_lie() -> None:
    api = Api(papers(1), total=10**8, fault=lambda start, again, page: [Submitted(1)])
    (feed,) = backfill(["cs.LG"], DAY, get=api.get, page_size=500)
    assert MOST_REQUESTS <= len(api.asked) < MOST_REQUESTS + TRIES
    assert (len(ids(feed)), feed.stated_total) == (1, 10**8)


def test_duplicates_across_pages_do_not_hide_that_papers_are_missing() -> None:
    api = Api(papers(10), fault=lambda start, again, page: papers(5))
    (feed,) = backfill(["cs.LG"], DAY, get=api.get, page_size=5)
    assert (len(ids(feed)), feed.stated_total) == (5, 10)


def test_when_the_fetching_stops_what_has_come_stays() -> None:
    def stop(start: int, again: int, page: list[Submitted]) -> list[Submitted]:
        if start == 5:
            raise SourceUnreadable(ErrorKind.RATE_LIMITED, "export.arxiv.org answered 429")
        return page

    api = Api(papers(12), fault=stop)
    (feed,) = backfill(["cs.LG"], DAY, get=api.get, page_size=5)
    assert api.asked == [0, 5]
    assert (len(ids(feed)), feed.stated_total) == (5, 12)
    assert feed.notes[-1] == "export.arxiv.org answered 429"


def test_when_nothing_comes_the_reason_is_given() -> None:
    html = Api([], fault=lambda start, again, page: b"<html><body>Down for maintenance</body></html>")
    with pytest.raises(SourceUnreadable):
        backfill(["cs.LG"], DAY, get=html.get)
    assert html.asked == [0, 0, 0]

    def no_answer(url: str) -> bytes:
        raise SourceUnreadable(ErrorKind.TIMEOUT)

    with unreadable(ErrorKind.TIMEOUT):
        backfill(["cs.LG"], DAY, get=no_answer)


def test_another_feed_in_place_of_the_answer_is_refused() -> None:
    rss = b"<rss version='2.0'><channel><title>cs.LG updates on arXiv.org</title></channel></rss>"
    with unreadable(ErrorKind.UNKNOWN_FORMAT):
        backfill(["cs.LG"], DAY, get=lambda url: rss)


def test_only_what_was_submitted_within_the_batch_is_new() -> None:
    api = Api(
        [
            Submitted(70, at=OPENS - timedelta(days=1)),  # announced the day before: its id is lower
            Submitted(150, at=OPENS - timedelta(seconds=1)),  # held back until this day or a later one
            Submitted(101, at=OPENS),
            Submitted(102, at=CLOSES - timedelta(seconds=1)),
            Submitted(160, at=CLOSES),  # the next batch, if it came out meanwhile
        ]
    )
    (feed,) = backfill(["cs.LG"], DAY, get=api.get)
    assert {name: entry.announced for name, entry in zip(ids(feed), feed.entries, strict=True)} == {
        "0101": "new",
        "0102": "new",
        "0150": "",
        "0160": "",
    }
    assert [entry.announced_on for entry in feed.entries] == [DAY, DAY, None, None]


def test_a_paper_that_was_revised_since_is_still_the_news_of_its_day() -> None:
    (feed,) = backfill(["cs.LG"], DAY, get=Api([Submitted(1, version=3)]).get)
    assert [(entry.version, entry.announced) for entry in feed.entries] == [(3, "new")]


def test_each_category_gets_its_papers_as_its_own_feed_would_have_shown_them() -> None:
    api = Api(
        [
            Submitted(1, categories="cs.LG math.OC"),
            Submitted(2, categories="math.AG"),
            Submitted(3, categories="econ.TH cs.LG"),
        ]
    )
    learning, mathematics, money = backfill(["cs.LG", "math", "econ+q-fin"], DAY, get=api.get)
    shown = {
        feed.name: [(name, entry.announced) for name, entry in zip(ids(feed), feed.entries, strict=True)]
        for feed in (learning, mathematics, money)
    }
    assert shown == {
        "arXiv cs.LG": [("0001", "new"), ("0003", "cross")],
        "arXiv math": [("0001", "cross"), ("0002", "new")],
        "arXiv econ+q-fin": [("0003", "new")],
    }
    assert (mathematics.kind, mathematics.url) == ("arxiv_api", "https://rss.arxiv.org/rss/math")
    assert len(api.asked) == 1


def test_a_name_is_covered_as_a_whole_and_not_by_its_beginning() -> None:
    api = Api([Submitted(1, categories="math-ph"), Submitted(2, categories="cs.LG")])
    mathematics, computing = backfill(["math", "cs.L"], DAY, get=api.get)
    assert (mathematics.entries, computing.entries) == ((), ())


def test_an_entry_that_cannot_be_used_is_told_once_and_is_not_missing() -> None:
    nameless = answer([Submitted(1)], total=2).replace(b"</feed>", b"<entry><title>No id</title></entry></feed>")
    first, second = backfill(["cs.LG", "math"], DAY, get=lambda url: nameless)
    assert [refused.why for refused in first.refused] == ["no arXiv id"]
    assert (second.refused, first.stated_total, second.stated_total) == ((), 1, 0)


def test_a_day_without_an_announcement_is_refused_before_anything_is_asked() -> None:
    api = Api(papers(1))
    with pytest.raises(ValueError, match="Nothing was announced"):
        backfill(["cs.LG"], date(2026, 3, 7), get=api.get)
    assert api.asked == []
