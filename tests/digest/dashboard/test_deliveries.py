"""The page of deliveries: the day's balance, the gate, what is tried again, and each digest's story."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from digest.dashboard.auth.roles import Role
from digest.dashboard.deliveries import IN_ORDER
from digest.delivery import throttle
from digest.models import DayTally, Delivery, DeliveryEvent, Paper, Provider
from digest.record import DigestRecord
from digest.stats import daily_counts
from tests.support.database_rows import every_row
from tests.support.factories import delivery, reader
from tests.support.staff import one_of_the_staff, signed_in
from tests.support.webhook_payloads import told

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def cleo() -> Client:
    """A sender, who just signed in."""
    return signed_in(one_of_the_staff(Role.SENDER))


def today() -> Any:
    return timezone.now().date()


def rows(count: int, status: str, **values: Any) -> list[Delivery]:
    """Digests of today of so many readers."""
    first = Delivery.objects.count()
    people = [reader(f"reader{first + number}") for number in range(count)]
    return [delivery(one, **{"status": status, "issue_date": today(), "accepted_at": None, **values}) for one in people]


def text(page: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.content.decode())).split())


def test_the_balance_is_on_the_page_and_adds_up(cleo: Client) -> None:
    rows(3, "accepted")
    rows(2, "bounced")
    rows(4, "skipped", status_reason="nothing_matched")
    rows(1, "ready")
    said = text(cleo.get(reverse("dashboard_deliveries")))
    for line in ("Accepted 5", "of these bounced 2", "Skipped 4", "Open 1", "Unknown 0", "Total due 10"):
        assert line in said
    assert "Nothing matched. 4" in said
    assert "1 digest is on the way. 5 digests sent so far." in said


def test_events_that_are_not_understood_are_shown_by_kind(cleo: Client) -> None:
    page = cleo.get(reverse("dashboard_deliveries")).content.decode()
    assert "not understood" not in page
    for name in ("Strange <b>", "Strange <b>", ""):
        told("unknown", None, name=name, at=timezone.now())
    page = cleo.get(reverse("dashboard_deliveries")).content.decode()
    rows = re.findall(r'class="words">(postmark: [^<]*)</th><td class="number">(\d)', page)
    assert rows == [("postmark: Strange &lt;b&gt;", "2"), ("postmark: no name", "1")]


def test_yesterday_is_as_it_was_counted_last_and_today_as_it_is(cleo: Client) -> None:
    rows(2, "accepted", issue_date=today() - timedelta(days=1))
    rows(3, "accepted")
    counted_at = timezone.now()
    daily_counts.count(counted_at)
    rows(1, "accepted", issue_date=today() - timedelta(days=1))
    rows(1, "accepted")
    assert [sheet["balance"].due for sheet in cleo.get(reverse("dashboard_deliveries")).context["sheets"]] == [4, 2]
    DayTally.objects.update(counted_at=counted_at - timedelta(hours=3))  # nobody tidied up: the rows are asked
    assert [sheet["balance"].due for sheet in cleo.get(reverse("dashboard_deliveries")).context["sheets"]] == [4, 3]


def test_a_number_of_rows_asks_no_more_queries(cleo: Client, django_assert_max_num_queries: Any) -> None:
    daily_counts.count(timezone.now())
    cleo.get(reverse("dashboard_deliveries"))
    for number in (3, 30):
        rows(number, "accepted")
        rows(number, "failed", not_after=timezone.now() + timedelta(hours=1))
        with django_assert_max_num_queries(20):
            cleo.get(reverse("dashboard_deliveries"))
        with django_assert_max_num_queries(10):  # one more for each status that there is
            cleo.get(reverse("dashboard_delivery_list"))


def test_looking_changes_nothing(cleo: Client) -> None:
    [one] = rows(1, "failed")
    before = dict(every_row())
    for page in (
        reverse("dashboard_deliveries"),
        reverse("dashboard_delivery_list"),
        reverse("dashboard_delivery", args=[one.pk]),
    ):
        assert cleo.get(page).status_code == 200
    after = dict(every_row())
    assert {name for name in before if before[name] != after[name]} == set()


# The gate ------------------------------------------------------------------------------------------------------------


def test_pausing_is_instant_and_says_who_and_why(cleo: Client) -> None:
    long_ago = signed_in(one_of_the_staff(Role.SENDER, name="dora"), seconds_ago=9999)  # no proof is asked for
    answer = long_ago.post(reverse("dashboard_pause"), {"why": f"A wrong title {HOSTILE}"})
    assert (answer.status_code, answer["Location"]) == (303, reverse("dashboard_deliveries"))
    assert throttle.paused_until(timezone.now()) is not None
    page = cleo.get(reverse("dashboard_deliveries"))
    assert "Paused by dora since" in text(page)
    assert HOSTILE not in page.content.decode()
    line = LogEntry.objects.get()
    assert (line.user.username, line.change_message) == ("dora", f"Paused all digests: A wrong title {HOSTILE}")


def test_a_pause_needs_no_reason_to_be_instant(cleo: Client) -> None:
    cleo.post(reverse("dashboard_pause"), {"why": "\x00 "})
    assert Provider.objects.get().why == "No reason was given."


def test_an_address_in_a_reason_stays_out_of_the_history(cleo: Client) -> None:
    cleo.post(reverse("dashboard_pause"), {"why": "ada@example.org got another's digest"})
    assert LogEntry.objects.get().change_message == "Paused all digests: (address) got another's digest"


def resume(client: Client) -> Any:
    """Press what the page shows."""
    page = client.get(reverse("dashboard_deliveries")).content.decode()
    seen = re.search(r'name="seen" value="([^"]*)"', page)
    return client.post(reverse("dashboard_resume"), {"seen": unescape(seen[1]) if seen else ""}, follow=True)


def test_resuming_lets_digests_leave_and_is_written_down(cleo: Client) -> None:
    cleo.post(reverse("dashboard_pause"), {"why": "lunch"})
    assert "Resumed." in text(resume(cleo))
    assert throttle.paused_until(timezone.now()) is None
    assert LogEntry.objects.order_by("-pk")[0].change_message == "Resumed all digests"


def test_the_breaker_is_said_with_its_reason_and_can_be_closed(cleo: Client) -> None:
    throttle.trip(throttle.BREAK, "26 of the last 500 mails were refused.", now=timezone.now())
    said = text(cleo.get(reverse("dashboard_deliveries")))
    assert "Stopped until" in said
    assert "26 of the last 500 mails were refused." in said
    resume(cleo)
    assert throttle.paused_until(timezone.now()) is None


def test_a_press_on_an_old_page_does_not_undo_a_newer_pause(cleo: Client) -> None:
    throttle.pause("lunch", by="cleo", now=datetime(2026, 3, 2, 12, tzinfo=UTC))
    seen = f"{throttle.state(timezone.now()).since}"
    throttle.resume(now=timezone.now())
    throttle.pause("a wrong title", by="dora", now=timezone.now())
    answer = cleo.post(reverse("dashboard_resume"), {"seen": seen}, follow=True)
    assert "Not resumed" in text(answer)
    assert throttle.paused_until(timezone.now()) is not None


def test_resuming_what_runs_says_so(cleo: Client) -> None:
    assert "Sending is not paused." in text(cleo.post(reverse("dashboard_resume"), follow=True))
    assert not LogEntry.objects.exists()


def test_a_restore_that_is_not_finished_can_neither_be_resumed_nor_paused_away(cleo: Client) -> None:
    throttle.pause_for_restore(is_finished=False, now=timezone.now())
    said = text(cleo.post(reverse("dashboard_pause"), {"why": "lunch"}, follow=True))
    assert "Sending is paused already, because a backup was restored. Your reason is not kept." in said
    assert not LogEntry.objects.exists()
    assert "a restore is not finished" in text(resume(cleo))
    assert not throttle.state(timezone.now()).is_open
    throttle.pause_for_restore(is_finished=True, now=timezone.now())
    assert "Resumed." in text(resume(cleo))


@pytest.mark.parametrize("act", ["dashboard_pause", "dashboard_resume", "dashboard_try_again"])
def test_acts_take_the_role_and_a_post(act: str, cleo: Client) -> None:
    throttle.pause("lunch")
    curator = signed_in(one_of_the_staff(Role.CURATOR, Role.PRIVACY, name="carl"))
    assert curator.post(reverse(act)).status_code == 403
    assert cleo.get(reverse(act)).status_code == 405
    assert throttle.paused_until(timezone.now()) is not None
    assert "Pause all digests" not in text(curator.get(reverse("dashboard_deliveries")))


@pytest.mark.parametrize("act", ["dashboard_resume", "dashboard_try_again"])
def test_letting_mail_leave_is_asked_again(act: str) -> None:
    throttle.pause("lunch")
    rows(1, "failed", not_after=timezone.now() + timedelta(hours=1))
    answer = signed_in(one_of_the_staff(Role.SENDER), seconds_ago=9999).post(reverse(act))
    assert (answer.status_code, "/staff/again/" in answer["Location"]) == (302, True)
    assert throttle.paused_until(timezone.now()) is not None
    assert Delivery.objects.get().status == "failed"


# Trying again --------------------------------------------------------------------------------------------------------


def test_what_can_be_tried_again_is_counted_before_it_is_pressed(cleo: Client) -> None:
    soon = timezone.now() + timedelta(hours=1)
    rows(2, "failed", not_after=soon, answer="5.7.26")
    rows(1, "unknown", not_after=soon)
    said = text(cleo.get(reverse("dashboard_deliveries")))
    assert "2 failed digests can be tried again; 1 unknown cannot, since it may have left." in said
    assert "2 digests are sent again within a minute." in text(cleo.post(reverse("dashboard_try_again"), follow=True))
    assert sorted(Delivery.objects.values_list("status", flat=True)) == ["retry_wait", "retry_wait", "unknown"]
    assert "No failed digest can be retried." in text(cleo.post(reverse("dashboard_try_again"), follow=True))
    assert [line.change_message for line in LogEntry.objects.all()] == ["Retried 2 failed digests"]


# The list, and one of it ---------------------------------------------------------------------------------------------


def test_the_list_goes_on_after_a_row_misses_nobody_and_begins_with_trouble(cleo: Client) -> None:
    made = {
        row.pk for status, count in (("delivered", 90), ("skipped", 40), ("unknown", 2)) for row in rows(count, status)
    }
    seen: list[int] = []
    statuses: list[str] = []
    query = ""
    while True:
        page = cleo.get(reverse("dashboard_delivery_list") + query)
        seen += [row.pk for row, _ in page.context["rows"]]
        statuses += [row.status for row, _ in page.context["rows"]]
        following = re.search(r'href="(\?[^"]*after=\d+)"', page.content.decode())
        if not following:
            break
        query = unescape(following[1])
    assert set(seen) == made
    assert len(seen) == len(made)
    assert statuses == ["unknown"] * 2 + ["delivered"] * 90 + ["skipped"] * 40


def test_every_status_has_its_place_in_the_list() -> None:
    assert sorted(IN_ORDER) == sorted(Delivery.Status.values)


def test_the_list_is_filtered_by_status_reason_and_date(cleo: Client) -> None:
    [told] = rows(1, "skipped", status_reason="paused", detail=f"Because & {HOSTILE}")
    [other] = rows(1, "skipped", status_reason="too_soon")
    [sent] = rows(1, "accepted")
    [early] = rows(1, "accepted", issue_date=today() - timedelta(days=1))

    def shown(**asked: str) -> list[int]:
        page = cleo.get(reverse("dashboard_delivery_list"), asked)
        assert HOSTILE not in page.content.decode()
        return [row.pk for row, _ in page.context["rows"]]

    assert shown() == [sent.pk, told.pk, other.pk]
    assert shown(status="skipped") == [told.pk, other.pk]
    assert shown(reason="paused") == [told.pk]
    assert shown(date=str(today() - timedelta(days=1))) == [early.pk]


@pytest.mark.parametrize("asked", [{"date": "yesterday"}, {"date": "2026-02-30"}, {"status": "'; DROP TABLE"}])
def test_a_wrong_filter_gets_a_sentence(cleo: Client, asked: dict[str, str]) -> None:
    page = cleo.get(reverse("dashboard_delivery_list"), asked)
    assert page.status_code == 422
    assert page.context["problem"] in text(page)


@pytest.mark.parametrize("after", ["-1", "9" * 30, "x", "٣"])
def test_a_wrong_number_begins_at_the_first(cleo: Client, after: str) -> None:
    [one] = rows(1, "accepted")
    assert [row.pk for row, _ in cleo.get(reverse("dashboard_delivery_list"), {"after": after}).context["rows"]] == [
        one.pk
    ]


Look = Callable[[Client], str]


@pytest.mark.parametrize(
    "look",
    [
        lambda client: client.get(reverse("dashboard_deliveries")),
        lambda client: client.get(reverse("dashboard_delivery_list")),
        lambda client: client.get(reverse("dashboard_delivery", args=[Delivery.objects.get().pk])),
    ],
)
def test_no_address_is_shown_to_who_has_not_the_role(look: Look, cleo: Client) -> None:
    [one] = rows(1, "bounced", status_reason="event_bounced")
    DeliveryEvent.objects.create(
        dedupe_key="1", delivery=one, kind="bounced", at=timezone.now(),
        raw={"recipient": one.subscriber.email, "said": f"550 5.1.1 <{one.subscriber.email}> unknown"},
    )  # fmt: skip
    page = look(cleo).content.decode()
    assert one.subscriber.email not in page
    assert "example.org" not in page.replace("dashboard.example.org", "")
    assert reverse("dashboard_readers") not in page


def test_a_digests_page_tells_its_story_and_its_scores_add_up(cleo: Client) -> None:
    paper = Paper.objects.create(
        identifier="arxiv:2603.00001", title=f"On sums {HOSTILE}", first_seen_at=timezone.now()
    )
    reasons = [("topic", f"Robotics {HOSTILE}", 1.25), ("trending", "", 0.5), ("average", "", -0.125)]
    [one] = rows(
        1, "delivered", paper_ids=[paper.pk], accepted_at=timezone.now(), attempts=2, provider="resend",
        record=DigestRecord.explaining([reasons], arrived=1, matched=1),
    )  # fmt: skip
    DeliveryEvent.objects.create(dedupe_key="1", delivery=one, kind="delivered", at=timezone.now())
    page = dora().get(reverse("dashboard_delivery", args=[one.pk]))
    said = text(page)
    assert HOSTILE not in page.content.decode()
    assert "Planned with 1 paper" in said
    assert "Handed over to resend 2 tries so far" in said
    assert "Delivered to the reader’s mail server" in said
    assert "Topic: Robotics" in said
    assert "Popularity 0.500" in said
    assert "Score 1.625" in said


def dora() -> Client:
    """One who may see what readers like."""
    return signed_in(one_of_the_staff(Role.PRIVACY, name="dora"))


def test_a_digest_whose_reasons_are_not_kept_any_more_says_so(cleo: Client) -> None:
    paper = Paper.objects.create(identifier="arxiv:2603.00001", title="On sums", first_seen_at=timezone.now())
    [one] = rows(1, "accepted", paper_ids=[paper.pk, 999])
    said = text(dora().get(reverse("dashboard_delivery", args=[one.pk])))
    assert "Reasons are kept for 30 days" in said
    assert "On sums" in said
    assert "A deleted paper" in said


def test_a_digest_that_there_is_not_is_not_found(cleo: Client) -> None:
    assert cleo.get("/dashboard/deliveries/99999999999999999999").status_code == 404
