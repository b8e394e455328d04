"""Why papers were chosen is kept 30 days; which were sent, for good."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from digest import jobs
from digest.delivery.plan import plan
from digest.delivery.send import deliver_all
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Announcement, DayTally, Delivery
from digest.reader_data import retention
from digest.record import DigestRecord
from digest.stats import daily_counts
from subscriptions.tokens import digest_links
from tests.support.editions import publish
from tests.support.factories import NOON, delivery, entry, feed, reader

pytestmark = pytest.mark.django_db
WHY = DigestRecord.explaining([[("topic", "Robotics", 1.0)]], arrived=3, matched=1, asked_for=["Robotics"])


def test_reasons_go_after_thirty_days_and_papers_stay() -> None:
    old = delivery(reader("ada"), days=-31, paper_ids=[7], record=WHY)
    kept = delivery(reader("bela"), days=-30, paper_ids=[8], record=WHY)
    assert retention.forget_reasons(NOON) == 1
    old.refresh_from_db()
    kept.refresh_from_db()
    assert (old.record, old.paper_ids) == (None, [7])
    assert (kept.record, kept.paper_ids) == (WHY, [8])


def test_announcements_have_no_day_to_look_at() -> None:
    for subject in ("First", "Second"):
        row = Announcement.objects.create(subject=subject, text="Words")
        Delivery.objects.create(subscriber=reader(subject), announcement=row, status="accepted")
    assert retention.forget_reasons(NOON) == 0
    assert not DayTally.objects.exists()


def test_what_is_still_to_leave_keeps_them() -> None:
    one = delivery(reader("ada"), days=-31, record=WHY, status="retry_wait")
    retention.forget_reasons(NOON)
    one.refresh_from_db()
    assert one.record == WHY


def test_the_oldest_day_goes_first_and_a_run_ends_when_it_has_looked_at_enough() -> None:
    for days in (-40, -39, -38):
        for number in range(4):
            delivery(reader(f"r{days}-{number}"), days=days, record=WHY)
    assert retention.forget_reasons(NOON, limit=5) == 8
    left = set(Delivery.objects.exclude(content__record={}).values_list("issue_date", flat=True))
    assert left == {(NOON - timedelta(days=38)).date()}
    assert retention.forget_reasons(NOON, limit=5) == 4
    assert retention.forget_reasons(NOON, limit=5) == 0


def test_many_rows_go_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK", 3)
    for number in range(8):
        delivery(reader(f"r{number}"), days=-31, record=WHY)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert retention.forget_reasons(NOON) == 8
    assert sum(one["sql"].startswith('UPDATE "digest_deliverycontent"') for one in asked) == 3


def test_a_day_that_is_done_is_not_looked_at_again(django_assert_num_queries: Any) -> None:
    delivery(reader("ada"), days=-31, record=WHY)
    daily_counts.count(NOON - timedelta(days=31))
    retention.forget_reasons(NOON)
    assert DayTally.objects.get(reasons_forgotten=True).counts["deliveries"] == {"accepted": 1}  # the numbers stay
    with django_assert_num_queries(2):
        retention.forget_reasons(NOON)


def test_the_hourly_step_does_it() -> None:
    delivery(reader("ada"), days=-31, record=WHY)
    jobs.tidy(NOON)
    assert Delivery.objects.get().record is None
    assert DayTally.objects.filter(date=NOON.date()).exists()


def test_a_given_day_keeps_them_however_old_it_is(settings: Any) -> None:
    settings.MODE = "rehearsal"
    publish(entry(1))
    delivery(reader("ada"), days=-1, record=WHY)
    jobs.tidy(NOON + timedelta(days=300))
    assert Delivery.objects.get().record == WHY


def test_the_copy_on_the_web_says_so_kindly(client: Client) -> None:
    shown = feed(entry(1), entry(2))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(NOON.date(), now=NOON)
    ada = reader("ada", wants={"category": ["cs.LG"]})
    plan(NOON, [ada.pk], issue_date=NOON.date())
    deliver_all(clock=lambda: NOON)
    retention.forget_reasons(NOON + timedelta(days=31))
    assert Delivery.objects.get().record is None
    page = client.get(digest_links(ada, NOON.date()).web_copy)
    assert page.status_code == 200
    assert "The reasons for each paper are no longer stored." in page.content.decode()
    assert "Paper number 1 on careful measurement" in page.content.decode()


def test_the_copy_of_a_mail_without_papers_says_so_kindly_too(client: Client) -> None:
    open_edition(NOON.date(), now=NOON)
    ada = reader("ada", quiet_days=True)
    plan(NOON, [ada.pk], issue_date=NOON.date())
    deliver_all(clock=lambda: NOON)
    assert client.get(digest_links(ada, NOON.date()).web_copy).status_code == 200
    retention.forget_reasons(NOON + timedelta(days=31))
    page = client.get(digest_links(ada, NOON.date()).web_copy)
    assert page.status_code == 410
    assert "This copy is no longer available" in page.content.decode()
