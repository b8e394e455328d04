"""A source's state in a word: what needs attention comes first, and each day's counts are its completeness report's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from digest.ingest.sources.health import SourceHealth, State, health_of
from digest.models import Edition, Source
from digest.source_errors import ErrorKind
from tests.support.factories import NOON, source

pytestmark = pytest.mark.django_db
TODAY = NOON.date()


def journal(name: str = "Journal", **values: Any) -> Source:
    fields = {"kind": "journal", "last_success_at": NOON, "next_check_at": NOON + timedelta(hours=1)}
    return source(name, f"https://{name.lower().replace(' ', '-')}.example.org/feed", **{**fields, **values})


def health(one: Source) -> SourceHealth:
    return health_of([one], now=NOON, today=TODAY, days=14)[0]


def opened(days_ago: int, *completeness: dict[str, Any]) -> None:
    day = TODAY - timedelta(days=days_ago)
    Edition.objects.create(date=day, opened_at=NOON - timedelta(days=days_ago), completeness=list(completeness))


def row(name: str, *, stored: int, expected: int | None, **more: Any) -> dict[str, Any]:
    return {
        "source": name,
        "given": False,
        "state": "partial",
        "expected": expected,
        "stored": stored,
        "why": "",
        **more,
    }


def test_a_source_that_was_read_and_has_no_error_is_well() -> None:
    one = health(journal())
    assert (one.state, one.why, one.advice) == (State.WELL, "", "")


def test_a_failing_source_says_why_and_what_to_do() -> None:
    one = health(journal(failures=3, last_error_kind=ErrorKind.NOT_FOUND, last_error="example.org answered 404"))
    assert one.state is State.FAILING
    assert one.why == "There is nothing at this address: example.org answered 404."
    assert "switch this one off" in one.advice


def test_a_kind_that_a_later_version_wrote_is_shown_with_its_detail() -> None:
    one = health(journal(failures=1, last_error_kind="quantum_noise", last_error="cat 17"))
    assert (one.state, one.why) == (State.FAILING, "Unknown reason: cat 17.")
    assert one.advice


def test_a_failure_without_a_kind_is_still_a_failure() -> None:
    one = health(journal(failures=1))
    assert (one.state, one.why) == (State.FAILING, "It failed.")


def test_a_host_that_asked_for_a_pause_is_waited_for() -> None:
    one = health(journal(last_error_kind=ErrorKind.RATE_LIMITED, last_error="example.org answered 429"))
    assert one.state is State.WAITING


def test_a_source_that_nobody_asks_any_more_asks_after_the_worker() -> None:
    one = health(journal(next_check_at=NOON - timedelta(hours=3)))
    assert one.state is State.WAITING
    assert "worker" in one.why


def test_a_new_source_waits_to_be_read() -> None:
    assert health(journal(last_success_at=None, next_check_at=None)).state is State.WAITING


def test_arxiv_is_waited_for_once_its_hour_has_come() -> None:
    reading = {"announced_on": (TODAY - timedelta(days=3)).isoformat()}
    feed = source(last_success_at=NOON, next_check_at=NOON, last_reading=reading)
    assert health(feed).state is State.WAITING
    feed.last_reading = {"announced_on": TODAY.isoformat()}
    assert health(feed).state is State.WELL


def test_what_is_switched_off_is_off_whatever_it_failed_with() -> None:
    found = health(journal(active=False, failures=2, last_error_kind=ErrorKind.TIMEOUT))
    assert (found.state, found.why) == (State.OFF, "Switched off.")


def test_those_that_need_attention_come_first() -> None:
    journal("Well")
    journal("Off", active=False)
    journal("A failing one", failures=1, last_error_kind=ErrorKind.TIMEOUT)
    journal("New", last_success_at=None)
    names = [one.source.name for one in health_of(Source.objects.all(), now=NOON, today=TODAY, days=14)]
    assert names == ["A failing one", "New", "Well", "Off"]


def test_each_day_shows_what_the_receipt_says() -> None:
    one = journal()
    opened(0, row("Journal", stored=12, expected=15))
    opened(2, row("Journal", stored=4, expected=None))
    days = health(one).days
    assert len(days) == 14
    assert [(day.stored, day.missing) for day in days[-3:]] == [(4, 0), (0, 0), (12, 3)]


def test_a_renamed_source_keeps_its_days() -> None:
    one, other = journal(), journal("Other")
    opened(0, row("Its old name", stored=12, expected=12, id=one.pk), row("Journal", stored=1, expected=1, id=other.pk))
    assert health(one).days[-1].stored == 12


def test_the_receipts_of_all_sources_are_read_at_once(django_assert_num_queries: Any) -> None:
    for number in range(5):
        journal(f"Journal {number}")
    with django_assert_num_queries(2):
        health_of(Source.objects.all(), now=NOON, today=TODAY, days=14)
