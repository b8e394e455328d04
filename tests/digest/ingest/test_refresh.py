"""A source fetched for real from this machine: what comes is stored, how it went stands on its row."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from digest.editions.open_edition import open_when_ready
from digest.ingest import http, refresh, store
from digest.ingest.sources.defaults import SOURCES
from digest.models import Edition, Paper, Source
from digest.source_errors import ErrorKind
from tests.support.factories import NOON, entry, feed
from tests.support.http_server import Answer, serve

pytestmark = pytest.mark.django_db(transaction=True)  # a turn may not be taken within a transaction

ITEM = "<item><title>Paper {0}</title><link>https://journal.example/{0}</link><description>Text.</description></item>"
FEED = '<?xml version="1.0"?><rss version="2.0"><channel><title>Journal</title>{}</channel></rss>'
BODY = FEED.format(ITEM.format(1) + ITEM.format(2)).encode()


@pytest.fixture(autouse=True)
def _loopback(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.FETCH_LOOPBACK = True
    monkeypatch.setattr(http, "REST", timedelta())


def journal(url: str, **values: Any) -> Source:
    return Source.objects.create(**{"name": "Journal", "kind": "journal", "url": url, **values})


@pytest.mark.service
def test_what_a_source_shows_is_stored_and_asked_for_again_in_an_hour() -> None:
    with serve({"/feed": [Answer(BODY, headers={"ETag": '"one"'}), Answer(status=304)]}) as web:
        source = journal(web.url("/feed"))
        assert refresh.refresh(source, now=NOON).new == 2
        source.refresh_from_db()
        assert (source.etag, source.next_check_at, source.last_success_at) == ('"one"', NOON + timedelta(hours=1), NOON)
        later = NOON + timedelta(hours=1)
        assert refresh.refresh(source, now=later).notes == ("unchanged since the last reading",)
        assert web.log[1].headers["If-None-Match"] == '"one"'
    source.refresh_from_db()
    assert (source.failures, source.last_reading["at"]) == (0, later.isoformat())
    assert Paper.objects.count() == 2


@pytest.mark.service
def test_a_page_instead_of_a_feed_is_told_on_the_row_and_nothing_is_lost() -> None:
    with serve(
        {
            "/feed": [
                Answer(BODY, headers={"ETag": '"one"'}),
                Answer(b"<html>Please log in</html>", headers={"ETag": '"two"'}),
            ]
        }
    ) as web:
        source = journal(web.url("/feed"))
        refresh.refresh(source, now=NOON)
        source.refresh_from_db()
        assert refresh.refresh(source, now=NOON + timedelta(hours=1)).error_kind is ErrorKind.WEB_PAGE
    source.refresh_from_db()
    assert (source.failures, source.etag) == (1, "")  # or a 304 would make the page look like the feed
    assert source.last_error_kind == ErrorKind.WEB_PAGE
    assert Paper.objects.count() == 2


def test_a_failing_source_is_left_alone_for_longer_each_time() -> None:
    waits = []
    with serve({"/feed": Answer(status=500)}) as web:
        source = journal(web.url("/feed"))
        for _ in range(3):
            refresh.refresh(source, now=NOON)
            source.refresh_from_db()
            waits.append(source.next_check_at - NOON)
    assert source.failures == 3
    assert waits == sorted(waits)
    assert waits[0] < waits[2]


def test_a_pause_that_is_asked_for_is_kept_and_is_no_failure() -> None:
    with serve({"/feed": Answer(status=429, headers={"Retry-After": "1800"})}) as web:
        source = journal(web.url("/feed"))
        refresh.refresh(source, now=datetime.now(UTC))
        source.refresh_from_db()
    assert source.failures == 0
    assert source.next_check_at > datetime.now(UTC) + timedelta(minutes=29)


@pytest.mark.service
def test_only_active_sources_whose_time_has_come_are_asked() -> None:
    with serve({path: Answer(BODY) for path in ("/due", "/new", "/early", "/off")}) as web:
        journal(web.url("/due"), next_check_at=NOON - timedelta(minutes=1))
        journal(web.url("/new"))
        journal(web.url("/early"), next_check_at=NOON + timedelta(minutes=1))
        journal(web.url("/off"), active=False)
        assert len(refresh.refresh_due(NOON, clock=lambda: NOON)) == 2
        assert [request.path for request in web.log] == ["/new", "/due"]


def page_of(number: int, submitted: str) -> bytes:
    """An answer of arXiv's API with one paper."""
    entry = (
        f"<entry><id>http://arxiv.org/abs/2603.{number:05}v1</id><title>Missed paper {number}</title><summary>Text.</summary>"
        f"<published>{submitted}</published><updated>{submitted}</updated>"
        '<category term="cs.LG"/><author><name>Ada Example</name></author></entry>'
    )
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">'
        "<title>arXiv Query</title><id>http://arxiv.org/api/x</id><opensearch:totalResults>1</opensearch:totalResults>"
        f"<opensearch:startIndex>0</opensearch:startIndex><opensearch:itemsPerPage>1</opensearch:itemsPerPage>{entry}</feed>"
    ).encode()


@pytest.fixture
def arxiv(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """arXiv's API in place of the network: what was asked; each time one paper of that batch. "gone": it fails."""
    asked: list[str] = []

    def get(url: str, **_: Any) -> http.Fetched:
        asked.append(url)
        if "gone" in asked:
            return http.Fetched(status="failed", error_kind=ErrorKind.TIMEOUT)
        until = re.search(r"TO(?:\+|%20)(\d{4})(\d\d)(\d\d)", url)
        assert until
        submitted = "-".join(until.groups()) + "T12:00:00Z"
        return http.Fetched(status="fresh", body=page_of(len(asked), submitted))

    monkeypatch.setattr(http, "get", get)
    return asked


def arxiv_source(**values: Any) -> Source:
    url = "https://rss.arxiv.org/rss/cs.LG"
    return Source.objects.create(**{"name": "arXiv cs.LG", "kind": "arxiv_rss", "url": url, **values})


def came(*days: date) -> None:
    """Papers that arXiv's feed announced on these days."""
    for number, day in enumerate(days):
        shown = feed(entry(900 + number, announced_on=day), announced_on=day)
        store.store(Source.objects.get(kind="arxiv_rss"), shown, now=NOON)


TUESDAY = datetime(2026, 3, 3, 6, tzinfo=UTC)


@pytest.mark.service
def test_days_missed_in_an_outage_are_back_filled_even_when_today_has_come(arxiv: list[str]) -> None:
    source = arxiv_source()
    came(date(2026, 2, 26), date(2026, 3, 3))
    assert refresh.days_to_fill(TUESDAY) == [date(2026, 2, 27), date(2026, 3, 2)]
    list(refresh.fill_gaps(TUESDAY, limit=1))
    assert refresh.days_to_fill(TUESDAY) == [date(2026, 3, 2)]
    list(refresh.fill_gaps(TUESDAY, limit=7))
    assert refresh.days_to_fill(TUESDAY) == []
    source.refresh_from_db()
    assert source.last_reading["announced_on"] == "2026-03-03"  # the newest day stays the source's state
    asked = len(arxiv)
    list(refresh.fill_gaps(TUESDAY, limit=7))
    assert len(arxiv) == asked


def test_a_missed_day_stays_missed_while_the_api_is_gone(arxiv: list[str]) -> None:
    arxiv_source()
    came(date(2026, 3, 2 - 1) - timedelta(days=3), date(2026, 3, 3))
    missed = refresh.days_to_fill(TUESDAY)
    arxiv.append("gone")
    assert [reading.error_kind for reading in refresh.fill_gaps(TUESDAY, limit=7)] == [ErrorKind.TIMEOUT]
    assert refresh.days_to_fill(TUESDAY) == missed != []


@pytest.mark.service
def test_a_first_run_on_a_weekend_back_fills_the_last_announced_day(arxiv: list[str]) -> None:
    source = arxiv_source()
    list(refresh.fill_gaps(datetime(2026, 3, 1, 9, tzinfo=UTC), limit=7))  # a Sunday
    source.refresh_from_db()
    assert source.last_reading["announced_on"] == "2026-02-27"
    assert refresh.days_to_fill(TUESDAY) == [date(2026, 3, 2)]


def test_the_default_sources_are_laid_down_once_and_an_operators_choice_is_kept() -> None:
    assert refresh.seed_sources() == len(SOURCES) <= 30
    Source.objects.exclude(kind="journal").delete()
    assert refresh.seed_sources() == 0


def test_an_edition_opens_when_every_source_has_answered_or_at_the_deadline() -> None:
    monday = datetime(2026, 3, 2, 5, 10, tzinfo=UTC)  # five minutes after polling began
    source = arxiv_source()
    assert open_when_ready(monday) is None
    Source.objects.update(
        last_reading={"at": monday.isoformat(), "expected": 3, "stored": 3, "error": "", "announced_on": "2026-02-27"}
    )
    assert open_when_ready(monday) is None  # still Friday's papers
    Source.objects.update(
        last_reading={"at": monday.isoformat(), "expected": 3, "stored": 3, "error": "", "announced_on": "2026-03-02"}
    )
    assert open_when_ready(monday) is not None
    assert open_when_ready(monday) is None
    Edition.objects.all().delete()
    Source.objects.filter(pk=source.pk).update(last_reading={})
    assert open_when_ready(monday + timedelta(hours=1)) is None
    deadline = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
    assert open_when_ready(deadline) is None  # it is about to be asked
    Source.objects.update(next_check_at=deadline + timedelta(minutes=10))
    late = open_when_ready(deadline)
    assert late is not None
    assert [row["state"] for row in late.completeness] == ["absent"]


def test_on_a_weekend_the_edition_waits_for_nobody_who_announces_nothing() -> None:
    saturday = datetime(2026, 2, 28, 5, 10, tzinfo=UTC)
    arxiv_source(
        last_reading={"at": saturday.isoformat(), "expected": 0, "stored": 0, "error": "", "announced_on": None}
    )
    edition = open_when_ready(saturday)
    assert edition is not None
    assert "weekend" in edition.completeness[0]["why"].lower()


def test_where_no_source_is_switched_on_no_empty_edition_opens() -> None:
    assert open_when_ready(datetime(2026, 3, 2, 9, tzinfo=UTC)) is None
