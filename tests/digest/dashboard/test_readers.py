"""The page of readers: found without their address getting anywhere, looked at, and what is done for one of them."""

from __future__ import annotations

import json
import logging
import re
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from digest import jobs
from digest.dashboard.auth.roles import Role
from digest.models import Delivery, Paper
from digest.record import DigestRecord
from subscriptions import consent
from subscriptions.models import ConsentEvent, Subscriber, Suppression
from tests.support.database_rows import every_row
from tests.support.factories import delivery, reader
from tests.support.staff import one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>"
ACTS = ["dashboard_suppress", "dashboard_lift", "dashboard_export", "dashboard_erase"]


@pytest.fixture
def petra() -> User:
    return one_of_the_staff(Role.PRIVACY, name="petra")


@pytest.fixture
def dashboard(petra: User) -> Client:
    """Petra's, who just proved who she is."""
    return signed_in(petra)


def text(page: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.content.decode())).split())


def at(name: str, one: Subscriber) -> str:
    return reverse(name, args=[one.public_id])


def found(dashboard: Client, words: str) -> Any:
    return dashboard.post(reverse("dashboard_find_reader"), {"who": words})


# Finding -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["ada@example.org", " ADA@Example.ORG ", "the number", "ada@", "ada"])
def test_a_reader_is_found_by_address_its_beginning_or_number(dashboard: Client, words: str) -> None:
    ada = reader("ada")
    reader("bela")
    answer = found(dashboard, ada.public_id if words == "the number" else words)
    assert (answer.status_code, answer["Location"]) == (303, at("dashboard_reader", ada))


def test_several_are_shown_and_no_more_than_twenty(dashboard: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(23):
        reader(f"ada{number:02}")
    with django_assert_max_num_queries(9):
        page = found(dashboard, "ada")
    assert len(page.context["found"]) == 20
    assert "More than 20 addresses" in text(page)
    assert "ada19@example.org" in text(page)


@pytest.mark.parametrize("words", ["%", "_da@example.org", "ad", "", "\x00\x00\x00ada", "' OR 1=1 --"])
def test_hostile_words_find_nobody(dashboard: Client, words: str) -> None:
    reader("bela")
    page = found(dashboard, words)
    assert page.status_code == 200
    assert page.context["found"] == []


def test_an_erased_reader_is_found_by_number_only(dashboard: Client) -> None:
    ada = reader("ada")
    consent.erase(ada.public_id, now=timezone.now())
    assert found(dashboard, "erased:").context["found"] == []
    assert found(dashboard, ada.public_id)["Location"] == at("dashboard_reader", ada)


def test_what_is_looked_for_gets_into_no_address_log_or_history(
    dashboard: Client, caplog: pytest.LogCaptureFixture
) -> None:
    ada = reader("ada")
    with caplog.at_level(logging.DEBUG):
        answer = found(dashboard, "ada@example.org")
        dashboard.get(answer["Location"])
        found(dashboard, "nobody@example.org")
    assert "example.org" not in answer["Location"].replace("dashboard.example.org", "")
    assert "ada@example.org" not in caplog.text
    assert "nobody@example.org" not in caplog.text
    assert not LogEntry.objects.exists()
    assert dashboard.get(reverse("dashboard_find_reader"), {"who": "x"})["Location"] == reverse("dashboard_readers")
    assert ada.public_id in answer["Location"]


def test_a_suppressed_address_of_nobody_is_said_to_be_so(dashboard: Client) -> None:
    consent.suppress("gone@example.org", reason="bounced", now=timezone.now())
    assert "Mail to this address is suppressed since" in text(found(dashboard, "gone@example.org"))


# Looking -------------------------------------------------------------------------------------------------------------


def test_a_readers_page_tells_how_they_stand_what_they_got_and_by_what_right(dashboard: Client) -> None:
    ada = reader("ada", wants={"topic": ["Robotics"], "keyword": [f"grasping {HOSTILE}"]})
    consent.record(ada.public_id, "confirmed", now=timezone.now(), page="/c/", user_agent=f"Firefox {HOSTILE}")
    paper = Paper.objects.create(identifier="arxiv:2603.00001", title=f"Sums {HOSTILE}", first_seen_at=timezone.now())
    record = DigestRecord.explaining([[("topic", "Robotics", 1.0), ("average", "", -0.25)]], arrived=1, matched=1)
    delivery(ada, paper_ids=[paper.pk], record=record)
    delivery(ada, days=1, status="skipped", status_reason="other", detail=f"Because {HOSTILE}", message_id=None)
    page = dashboard.get(at("dashboard_reader", ada))
    said = text(page)
    assert HOSTILE not in page.content.decode()
    for words in (
        "ada@example.org", ada.public_id, "Gets digests.", "Topics Robotics", "Mon, 2 Mar 2026 Accepted 1",
        "Tue, 3 Mar 2026 Skipped 0 Because", "Confirmed page: /c/", "Topic: Robotics 1.000", "Score 0.750",
    ):  # fmt: skip
        assert words in said


def test_a_page_takes_the_same_queries_for_many_receipts(dashboard: Client, django_assert_max_num_queries: Any) -> None:
    ada = reader("ada")
    dashboard.get(at("dashboard_reader", ada))
    for days in range(70):
        delivery(ada, days=days, status="skipped", message_id=None)
        consent.record(ada.public_id, "paused", now=timezone.now())
    with django_assert_max_num_queries(14):
        page = dashboard.get(at("dashboard_reader", ada))
    assert len(page.context["receipts"]) == 14
    seen = [row.issue_date for row, _ in page.context["receipts"]]
    while page.context["earlier"]:
        page = dashboard.get(at("dashboard_reader", ada), {"before": str(page.context["earlier"])})
        seen += [row.issue_date for row, _ in page.context["receipts"]]
    assert len(set(seen)) == len(seen) == 70


def test_a_date_that_is_none_begins_with_the_newest_receipt(dashboard: Client) -> None:
    ada = reader("ada")
    delivery(ada)
    assert len(dashboard.get(at("dashboard_reader", ada), {"before": HOSTILE}).context["receipts"]) == 1


def test_growth_and_topics_are_drawn_from_what_was_counted(
    dashboard: Client, django_assert_max_num_queries: Any
) -> None:
    for name in ("ada", "bela", "carl"):
        consent.record(reader(name, wants={"topic": ["Robotics"]}).public_id, "confirmed", now=timezone.now())
    jobs.count(timezone.now())
    with django_assert_max_num_queries(9):
        page = dashboard.get(reverse("dashboard_readers"))
    assert "confirmed: 3" in page.content.decode()
    assert "Robotics 3" in text(page)


def test_looking_changes_nothing(dashboard: Client) -> None:
    ada = reader("ada")
    delivery(ada)
    before = dict(every_row())
    dashboard.get(reverse("dashboard_readers"))
    dashboard.get(at("dashboard_reader", ada))
    for act in ACTS:
        answer = dashboard.get(at(act, ada))
        # the export answers with a file, and never with a page at its address
        assert (
            answer.status_code == 405
            if act == "dashboard_export"
            else answer["Location"] == at("dashboard_reader", ada)
        )
    assert dict(every_row()) == before


# Requirement 61 of docs/requirements.md: lifting a suppression and exporting take the role, a proof, and leave a line ------------------------------


@pytest.mark.parametrize("act", ACTS)
def test_email_61_an_act_takes_the_role(act: str) -> None:
    ada = reader("ada")
    consent.suppress(ada.email, reason="bounced", now=timezone.now())
    before = dict(every_row())
    carl = signed_in(one_of_the_staff(Role.CURATOR, Role.SENDER, name="carl"))
    between = {name: rows for name, rows in every_row() if "Session" not in name}
    answer = carl.post(at(act, ada), {"why": "a new mailbox", "number": ada.public_id})
    assert answer.status_code == 403
    assert {name: rows for name, rows in every_row() if "Session" not in name} == between
    assert before
    assert carl.get(at("dashboard_reader", ada)).status_code == 403
    assert carl.post(reverse("dashboard_find_reader"), {"who": "ada"}).status_code == 403


@pytest.mark.parametrize("act", ACTS)
def test_email_61_an_act_asks_for_a_proof_first(act: str, petra: User) -> None:
    ada = reader("ada")
    consent.suppress(ada.email, reason="bounced", now=timezone.now())
    answer = signed_in(petra, seconds_ago=9999).post(at(act, ada), {"why": "a new mailbox", "number": ada.public_id})
    assert (answer.status_code, "/staff/again/" in answer["Location"]) == (302, True)
    assert Suppression.objects.get().lifted_at is None
    assert not LogEntry.objects.exists()
    assert Subscriber.objects.get().email == ada.email


def test_email_61_after_the_proof_the_act_is_done(petra: User) -> None:
    ada = reader("ada")
    dashboard = signed_in(petra, seconds_ago=9999)
    asked = dashboard.post(at("dashboard_suppress", ada), {"why": "asked by letter"})
    done = dashboard.post(asked["Location"], {"password": "an unlikely password"}, follow=True)
    assert done.status_code == 200
    assert Suppression.objects.get().why == "asked by letter"


def test_email_61_lifting_keeps_who_and_why_and_subscribes_nobody(dashboard: Client) -> None:
    ada = reader("ada")
    consent.unsubscribe(ada.public_id, now=timezone.now())
    consent.suppress(ada.email, reason="complained", now=timezone.now(), why="Reported as spam.")
    answer = dashboard.post(at("dashboard_lift", ada), {"why": f"She wrote that it was a slip {HOSTILE}"}, follow=True)
    assert "Lifted. This address can get mail again." in text(answer)
    row = Suppression.objects.get()
    assert row.lifted_by == "petra"
    assert row.why == f"Reported as spam. Lifted: She wrote that it was a slip {HOSTILE}"
    ada.refresh_from_db()
    assert ada.status == "unsubscribed"
    line = LogEntry.objects.get()
    assert (line.user.username, line.object_repr) == ("petra", ada.public_id)
    assert "Lifted the suppression" in line.change_message
    assert ConsentEvent.objects.filter(public_id=ada.public_id, kind="lifted").count() == 1
    assert "Nothing was lifted" in text(dashboard.post(at("dashboard_lift", ada), {"why": "again"}, follow=True))
    assert LogEntry.objects.count() == 1


def test_email_61_an_export_is_what_the_reader_gets_and_is_written_down(dashboard: Client) -> None:
    ada = reader("ada")
    delivery(ada)
    answer = dashboard.post(at("dashboard_export", ada))
    body = json.loads(answer.content)
    assert (body["profile"]["email"], len(body["deliveries"])) == ("ada@example.org", 1)
    assert answer["Content-Disposition"] == f'attachment; filename="broadsheet-{ada.public_id}.json"'
    assert [line.change_message for line in LogEntry.objects.all()] == ["Exported all that is kept"]


@pytest.mark.parametrize("act", ["dashboard_suppress", "dashboard_lift"])
@pytest.mark.parametrize("why", ["", "  ", "\x00"])
def test_a_reason_is_needed(dashboard: Client, act: str, why: str) -> None:
    ada = reader("ada")
    page = dashboard.post(at(act, ada), {"why": why})
    assert page.status_code == 422
    assert "Write why this reader" in text(page)
    assert not Suppression.objects.exists()
    assert not LogEntry.objects.exists()


def test_suppressing_keeps_why_and_no_address_is_in_the_history(dashboard: Client) -> None:
    ada = reader("ada")
    dashboard.post(at("dashboard_suppress", ada), {"why": "ada@example.org wrote to us"})
    row = Suppression.objects.get()
    assert (row.reason, row.why, row.lifted_at) == ("by_hand", "ada@example.org wrote to us", None)
    assert "Suppressed: no mail is sent to this address" in text(dashboard.get(at("dashboard_reader", ada)))
    for line in LogEntry.objects.all():
        assert "@" not in line.change_message + line.object_repr


def test_erasing_wants_the_number_typed(dashboard: Client) -> None:
    ada = reader("ada")
    page = dashboard.post(at("dashboard_erase", ada), {"number": "ada@example.org"})
    assert page.status_code == 422
    assert "Type the reader’s number" in text(page)
    assert Subscriber.objects.get().email == "ada@example.org"


def test_erasing_takes_all_that_is_personal_and_stays_in_the_history_by_number(dashboard: Client) -> None:
    ada = reader("ada", wants={"topic": ["Robotics"]})
    delivery(ada)
    answer = dashboard.post(at("dashboard_erase", ada), {"number": f" {ada.public_id} "}, follow=True)
    assert "Erased: nothing personal" in text(answer)
    ada.refresh_from_db()
    assert (ada.status, ada.email) == ("erased", "")
    assert Delivery.objects.get().subject == ""
    line = LogEntry.objects.get()
    assert (line.change_message, line.object_repr) == ("Erased", ada.public_id)
    again = dashboard.post(at("dashboard_erase", ada), {"number": ada.public_id}, follow=True)
    assert "was erased before" in text(again)
    assert LogEntry.objects.count() == 1


def test_nobody_by_that_number_is_not_found(dashboard: Client) -> None:
    assert dashboard.get("/dashboard/readers/nobody").status_code == 404
    assert dashboard.post("/dashboard/readers/nobody/erase", {"number": "nobody"}).status_code == 404


def test_an_address_of_nobody_is_suppressed_and_lifted_without_getting_into_the_history(dashboard: Client) -> None:
    address = "gone@example.org"

    def press(act: str, **given: str) -> str:
        values = {"address": address, "why": "a letter", "act": act, **given}
        return text(dashboard.post(reverse("dashboard_change_address"), values, follow=True))

    assert "Suppress this address" in text(found(dashboard, address))
    assert "Suppressed an address without a reader." in press("suppress")
    assert "Lift the suppression" in text(found(dashboard, address))
    assert "Lifted the suppression." in press("lift")
    assert "Nothing was lifted" in press("lift")
    assert "Nothing was changed" in press("suppress", why=" ")
    assert "Nothing was changed" in press("suppress", address="gone")
    row = Suppression.objects.get()
    assert (row.lifted_by, row.why) == ("petra", "a letter Lifted: a letter")
    assert LogEntry.objects.count() == 2
    assert all("gone" not in f"{line.object_repr} {line.change_message}" for line in LogEntry.objects.all())
    carl = signed_in(one_of_the_staff(Role.SENDER, name="carl"))
    assert carl.post(reverse("dashboard_change_address"), {"address": address, "why": "w"}).status_code == 403
