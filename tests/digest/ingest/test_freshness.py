"""A daily feed is fresh when its papers are, whatever its dates say; days are missed by a feed, not by all together."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from digest.editions.open_edition import completeness_report, open_when_ready
from digest.ingest import http, refresh
from digest.models import Paper, Source
from digest.source_errors import ErrorKind
from tests.support.http_server import Answer, Server, serve
from tests.support.recorded_data import recorded_data

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.service]

EASTERN_SUMMER = timedelta(hours=4)
REPORTS = recorded_data() / "reports"
recorded = pytest.mark.skipif(not REPORTS.is_dir(), reason="there are no recorded inputs")


@pytest.fixture(autouse=True)
def _loopback(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.FETCH_LOOPBACK = True
    monkeypatch.setattr(http, "REST", timedelta())


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of August 2026, in which the 3rd is a Monday."""
    return datetime(2026, 8, day, hour, minute, tzinfo=UTC)


def batch(dated: date, *numbers: int, announced: str = "new", version: int = 1, spec: str = "cs.LG") -> bytes:
    """An Atom feed of arXiv, of papers with these numbers."""
    stamp = f"{dated}T00:00:00-04:00"
    entries = "".join(
        f"<entry><id>oai:arXiv.org:2608.{number:05}v{version}</id><title>Measured thing {number}</title>"
        f'<link href="https://arxiv.org/abs/2608.{number:05}"/><published>{stamp}</published>'
        f"<summary>arXiv:2608.{number:05}v{version} Announce Type: {announced} \nAbstract: Text.</summary>"
        f'<category term="cs.LG"/><arxiv:announce_type>{announced}</arxiv:announce_type></entry>'
        for number in numbers
    )
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom">'
        f"<title>{spec} updates on arXiv.org</title><updated>{stamp}</updated>{entries}</feed>"
    ).encode()


def arxiv(web: Server, spec: str = "cs.LG", **values: Any) -> Source:
    return Source.objects.create(name=f"arXiv {spec}", kind="arxiv_rss", url=web.url(f"/rss/{spec}"), **values)


def read(source: Source, now: datetime) -> Source:
    refresh.refresh(source, now=now)
    source.refresh_from_db()
    return source


def state_of(source: Source, now: datetime) -> tuple[str, str]:
    (row,) = [row for row in completeness_report(now.date(), now=now) if row["id"] == source.pk]
    return row["state"], row["why"]


@recorded
def test_yesterdays_batch_under_todays_date_is_stale_until_the_true_one_comes() -> None:
    tuesday, stale, true, other = (
        Answer((REPORTS / f"02-arxiv-{name}.xml").read_bytes())
        for name in ("cs.AI-tuesday", "cs.AI-wednesday-stale", "cs.AI-wednesday-true", "cs.CL-wednesday")
    )
    with serve({"/rss/cs.AI": [tuesday, stale, stale, true, true], "/rss/cs.CL": other}) as web:
        source, beside = arxiv(web, "cs.AI"), arxiv(web, "cs.CL")
        assert read(source, at(11, 4, 10)).next_check_at == at(12, 4, 5)
        assert read(beside, at(12, 4, 10)).next_check_at == at(13, 4, 5)
        for now in (at(12, 4, 10), at(12, 4, 20)):
            assert read(source, now).next_check_at == now + timedelta(minutes=10)
            assert state_of(source, now) == ("stale", "It still showed the papers of 2026-08-11.")
            assert open_when_ready(now) is None
        assert read(source, at(12, 6, 10)).next_check_at == at(13, 4, 5)
        assert state_of(source, at(12, 6, 10)) == ("complete", "")
        assert Paper.objects.filter(announced_on="2026-08-12", sightings__source=source).count() == 5
        assert read(source, at(12, 12)).next_check_at == at(13, 4, 5)  # the true batch, read once more, is not stale
        assert state_of(source, at(12, 12)) == ("complete", "")
    assert source.days_read == ["2026-08-11", "2026-08-12"]


def test_a_stale_day_is_missed_by_that_feed_alone_and_back_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    stale = batch(date(2026, 8, 5), 1, 2)
    with serve(
        {
            "/rss/cs.LG": [Answer(batch(date(2026, 8, 4), 1, 2)), Answer(stale)],
            "/rss/cs.CL": [Answer(batch(date(2026, 8, day), day * 10, spec="cs.CL")) for day in (4, 5, 6)],
        }
    ) as web:
        source, beside = arxiv(web), arxiv(web, "cs.CL")
        for day in (4, 5):
            read(beside, at(day, 5))
            read(source, at(day, 5))
    assert state_of(source, at(5, 7))[0] == "stale"
    assert refresh.days_to_fill(at(6, 5)) == [date(2026, 8, 5)]
    asked: list[str] = []

    def get(url: str, **_: Any) -> http.Fetched:
        asked.append(url)
        return http.Fetched(status="fresh", body=api_answer(7))

    monkeypatch.setattr(http, "get", get)
    readings = list(refresh.fill_gaps(at(6, 5), limit=7))
    assert [(reading.source, reading.new) for reading in readings] == [("arXiv cs.LG", 1)]
    assert all("cat:cs.LG" in url and "cs.CL" not in url for url in asked)
    assert refresh.days_to_fill(at(6, 5)) == []


def api_answer(number: int, submitted: str = "2026-08-04") -> bytes:
    """An answer of arXiv's API with one paper."""
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">'
        "<title>arXiv Query</title><id>http://arxiv.org/api/x</id><opensearch:totalResults>1</opensearch:totalResults>"
        f"<entry><id>http://arxiv.org/abs/2608.{number:05}v1</id><title>Late thing {number}</title><summary>T.</summary>"
        f'<published>{submitted}T12:00:00Z</published><category term="cs.LG"/></entry></feed>'
    ).encode()


def test_what_was_back_filled_today_is_an_earlier_announcement_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve({"/rss/cs.LG": [Answer(batch(date(2026, 8, 3), 1)), Answer(batch(date(2026, 8, 5), 7))]}) as web:
        source = read(arxiv(web), at(3, 5))
        fetched = http.Fetched(status="fresh", body=api_answer(7, submitted="2026-08-03"))
        with monkeypatch.context() as patch:
            patch.setattr(http, "get", lambda url, **_: fetched)
            list(refresh.fill_gaps(at(5, 5), limit=7))
        source.refresh_from_db()
        read(source, at(5, 5))
    assert state_of(source, at(5, 5))[0] == "stale"


@pytest.mark.parametrize(
    "second",
    [
        batch(date(2026, 8, 5), 1, 2, 3),
        batch(date(2026, 8, 5), 1, 2, announced="replace", version=2),
    ],
    ids=["one new paper", "all of it new versions"],
)
def test_a_reading_with_anything_new_is_fresh(second: bytes) -> None:
    with serve({"/rss/cs.LG": [Answer(batch(date(2026, 8, 4), 1, 2)), Answer(second)]}) as web:
        source = read(read(arxiv(web), at(4, 5)), at(5, 5))
    assert state_of(source, at(5, 5)) == ("complete", "")


def test_an_empty_feed_is_complete_where_nothing_is_announced_and_nowhere_else() -> None:
    with serve({"/rss/cs.LG": [Answer(batch(date(2026, 8, 7), 1)), Answer(batch(date(2026, 8, 8)))]}) as web:
        source = read(arxiv(web), at(7, 5))
        saturday = read(source, at(8, 5))
        assert state_of(saturday, at(8, 5))[0] == "complete"
        assert saturday.next_check_at == at(9, 4, 5)
        assert state_of(read(source, at(10, 5)), at(10, 5))[0] == "absent"


def test_unchanged_since_a_complete_reading_is_complete_whatever_failed_between() -> None:
    good = Answer(batch(date(2026, 8, 7), 1, 2), headers={"ETag": '"friday"'})
    script = [good, Answer(status=500), Answer(status=503), Answer(status=304)]
    with serve({"/rss/cs.LG": script}) as web:
        source = read(arxiv(web), at(7, 5))
        for hour in (6, 7):
            read(source, at(8, hour))
        assert state_of(source, at(8, 7))[0] == "failed"
        read(source, at(8, 9))
        assert web.log[-1].headers["If-None-Match"] == '"friday"'
    assert state_of(source, at(8, 9))[0] == "complete"
    assert (source.last_reading["stored"], source.last_reading["expected"]) == (2, 2)


# --- dates that lag --------------------------------------------------------------------------------------------------


@pytest.fixture
def lagging() -> Iterator[Callable[[datetime, datetime], tuple[Source, list[datetime]]]]:
    """Polls a feed whose new papers come at 05:00 UTC each weekday and bear the date of the day before."""
    clock = [at(3, 0)]

    def script(handler: Any) -> None:
        day = (clock[0] - timedelta(hours=5)).date()
        while day.weekday() > 4:
            day -= timedelta(days=1)
        Answer(batch(day - timedelta(days=1), day.day * 10, day.day * 10 + 1))(handler)

    with serve({"/rss/cs.LG": script}) as web:
        source = arxiv(web)

        def poll(begin: datetime, end: datetime) -> tuple[Source, list[datetime]]:
            polls = []
            clock[0] = begin
            while clock[0] < end:
                polls.append(clock[0])
                read(source, clock[0])
                clock[0] = max(source.next_check_at, clock[0])
            return source, polls

        yield poll


def test_a_feed_whose_dates_lag_is_recognised_once_and_polled_no_more(lagging: Any) -> None:
    source, first_day = lagging(at(4, 5, 10), at(5, 4))  # dated Monday, so Tuesday's is waited for
    assert len(first_day) > 20
    for day in (5, 6, 7, 10, 11):  # over a weekend too
        source, polls = lagging(at(day, 4, 10), at(day + 1, 4))
        assert source.dates_lag
        assert len(polls) <= 9, polls
        assert state_of(source, at(day, 7)) == ("complete", "")
        assert source.days_read[-1] == f"2026-08-{day:02}"


def test_a_feed_that_was_not_read_yesterday_is_not_taken_for_one_whose_dates_lag() -> None:
    late = [Answer(batch(date(2026, 8, day), day)) for day in (3, 4, 5)]
    with serve({"/rss/cs.LG": late}) as web:
        source = read(arxiv(web), at(3, 5))
        read(source, at(5, 4, 10))  # Tuesday's papers, at last; Wednesday's come in ten minutes
        assert not source.dates_lag
        assert source.next_check_at == at(5, 4, 20)
        assert state_of(read(source, at(5, 4, 20)), at(5, 4, 20)) == ("complete", "")


def test_a_feed_whose_dates_are_right_again_is_recognised_too(lagging: Any) -> None:
    lagging(at(4, 4, 10), at(5, 4))
    source, _ = lagging(at(5, 4, 10), at(6, 4))
    assert source.dates_lag
    with serve({"/rss/cs.LG": Answer(batch(date(2026, 8, 6), 600))}) as web:
        Source.objects.update(url=web.url("/rss/cs.LG"))
        source.refresh_from_db()
        assert not read(source, at(6, 5)).dates_lag
    assert Paper.objects.get(identifier="arxiv:2608.00600").announced_on == date(2026, 8, 6)


# --- lists of several pages ------------------------------------------------------------------------------------------


def preprints(first: int, count: int, *, total: int) -> bytes:
    return json.dumps(
        {
            "messages": [{"status": "ok", "cursor": first, "count": count, "total": str(total)}],
            "collection": [
                {
                    "doi": f"10.1101/2026.08.01.{number:06}",
                    "title": f"Cell {number}",
                    "date": "2026-08-04",
                    "version": "1",
                }
                for number in range(first, first + count)
            ],
        }
    ).encode()


END = json.dumps({"messages": [{"status": "no posts found"}], "collection": []}).encode()
ERROR = json.dumps({"messages": [{"status": "no posts found"}]}).encode()


@pytest.mark.parametrize("end", [Answer(END), Answer(ERROR)], ids=["an empty page", "a message"])
def test_every_page_of_biorxiv_is_asked_for(end: Answer) -> None:
    pages = {0: Answer(preprints(0, 30, total=52)), 30: Answer(preprints(30, 18, total=52)), 48: end}
    with serve({f"/details/biorxiv/2026-08-03/2026-08-04/{at}/json": answer for at, answer in pages.items()}) as web:
        source = Source.objects.create(name="bioRxiv", kind="biorxiv_api", url=web.url("/details/biorxiv"))
        reading = refresh.refresh(source, now=at(4, 12))
        asked = [int(re.findall(r"/(\d+)/json", request.path)[0]) for request in web.log]
    source.refresh_from_db()
    assert asked == [0, 30, 48]
    assert (reading.error_kind, reading.expected, reading.stored, Paper.objects.count()) == (None, 52, 48, 48)
    assert (source.failures, source.last_error_kind) == (0, "")
    assert state_of(source, at(4, 12)) == ("partial", "")


def test_the_pages_that_came_are_kept_when_a_later_one_fails() -> None:
    begin = "/details/medrxiv/2026-08-03/2026-08-04"
    with serve({f"{begin}/0/json": Answer(preprints(0, 3, total=5)), f"{begin}/3/json": Answer(status=500)}) as web:
        source = Source.objects.create(name="medRxiv", kind="biorxiv_api", url=web.url("/details/medrxiv"))
        reading = refresh.refresh(source, now=at(4, 12))
    assert (reading.expected, reading.stored) == (5, 3)
    assert any("500" in note for note in reading.notes)


def test_a_failure_of_the_first_page_is_a_failure() -> None:
    with serve({"/details/biorxiv/2026-08-03/2026-08-04/0/json": Answer(ERROR)}) as web:
        source = Source.objects.create(name="bioRxiv", kind="biorxiv_api", url=web.url("/details/biorxiv"))
        assert refresh.refresh(source, now=at(4, 12)).error_kind is ErrorKind.SOURCE_ERROR
