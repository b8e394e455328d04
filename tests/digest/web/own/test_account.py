"""What a signed-in reader sees and takes: receipts, verdicts, all their data, and an end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client
from django.utils import timezone

from digest.compose import emails
from digest.delivery.plan import plan
from digest.delivery.send import deliver_all
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Delivery, DeliveryContent, DeliveryEvent, Edition, ListEntry, ListSource, Paper, Verdict
from digest.reader_data.erase import erase
from subscriptions import consent
from subscriptions.consent_text import SIGN_UP, VERSION
from subscriptions.models import (
    ConsentEvent,
    LinkRequest,
    LoginToken,
    Preference,
    Subscriber,
    Suppression,
    address_hash,
)
from subscriptions.tokens import new_login_token
from tests.support.database_rows import every_row
from tests.support.factories import NOON, entry, feed, reader, topic

pytestmark = pytest.mark.django_db
IP, BROWSER = "203.0.113.77", "Mozilla/5.0 (Ada's own)"
OWN = ["receipts", "verdicts", "list", "export", "erase"]


def visit(row: Subscriber, *, checks: bool = False) -> Client:
    """A browser in which this reader is signed in."""
    client = Client(enforce_csrf_checks=checks, headers={"User-Agent": BROWSER}, REMOTE_ADDR=IP)
    session = client.session
    session["reader"], session["reader_key_version"] = row.public_id, row.key_version
    session["reader_since"] = timezone.now().timestamp()
    session.save()
    return client


def words(answer: Any) -> str:
    return unescape(" ".join(re.sub("<[^>]+>", " ", answer.content.decode()).split()))


def publish(*numbers: int, at: datetime = NOON) -> None:
    shown = feed(*(entry(number) for number in numbers))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=at)
    open_edition(at.date(), now=at)


def a_full_life() -> Subscriber:
    """Ada has signed up, chosen, been sent a digest, said more and less, asked for links, and bounced once."""
    topic("Robotics", categories=["cs.LG"])
    ada = reader("ada", email="Ada.Okafor@example.org", wants={"topic": ["Robotics"], "keyword": ["kelp forests"]},
                 pending_email="ada.new@example.net", zone="Europe/Berlin", hype=70)  # fmt: skip
    Preference.objects.create(
        subscriber=ada, kind="author", value="Eve Example", stance="mute", until=NOON.date() + timedelta(days=400)
    )
    for kind in ("signed_up", "confirmed"):
        ConsentEvent.objects.create(
            public_id=ada.public_id, kind=kind, at=NOON, ip=IP, user_agent=BROWSER, page="/subscribe", wording=VERSION
        )  # fmt: skip
    publish(1, 2)
    plan(NOON, [ada.pk], issue_date=NOON.date())
    deliver_all(clock=lambda: NOON)
    Delivery.objects.update(
        provider_message_id="<x.ada.okafor@provider>", detail="250 queued for ada.okafor@example.org"
    )
    row = Delivery.objects.get()
    DeliveryEvent.objects.create(
        dedupe_key="1", delivery=row, kind="bounced", at=NOON, raw={"to": "Ada.Okafor@example.org"}
    )
    tomorrow = NOON + timedelta(days=1)
    publish(3, at=tomorrow)
    plan(tomorrow, [ada.pk], issue_date=tomorrow.date())
    for paper, value in zip(Paper.objects.order_by("pk"), ["more", "less"], strict=False):
        Verdict.objects.create(subscriber=ada, paper=paper, value=value, given_at=NOON)
    part = ListSource.objects.create(
        subscriber=ada, kind="file", name="okafor-thesis.bib", state="kept", given_at=NOON, read_at=NOON
    )
    for name, paper in (("title:1", None), ("title:2", Paper.objects.order_by("pk").first())):
        ListEntry.objects.create(
            subscriber=ada, source=part, paper=paper, name=name, title="Lichens of old walls", added_at=NOON
        )
    new_login_token(LoginToken.Purpose.SIGN_IN, ada, now=NOON)
    LinkRequest.objects.create(
        kind="change_address", email="ada.new@example.net", subscriber=ada, asked_at=NOON, ip=IP, user_agent=BROWSER
    )
    consent.suppress(ada.email, reason="bounced", now=NOON, why="550 5.1.1 <ada.okafor@example.org> is unknown")
    ada.refresh_from_db()
    return ada


# Whose pages they are


@pytest.mark.parametrize("name", OWN)
def test_a_visitor_is_asked_to_sign_in(name: str) -> None:
    for method in ("get", "head"):
        answer = getattr(Client(), method)(f"/preferences/{name}")
        assert (answer.status_code, answer["Location"], answer["Cache-Control"]) == (302, "/sign-in", "no-store")


@pytest.mark.parametrize("name", OWN)
def test_looking_changes_nothing(name: str) -> None:
    client = visit(a_full_life())
    before = list(every_row())
    for method in ("get", "head", "options"):
        answer = getattr(client, method)(f"/preferences/{name}")
        assert answer.status_code in (200, 405)
        if method != "options":
            assert (answer["Cache-Control"], answer["X-Robots-Tag"]) == ("no-store", "noindex")
    assert list(every_row()) == before


@pytest.mark.parametrize("name", ["verdicts", "erase"])
def test_a_form_without_the_pages_own_token_is_refused(name: str) -> None:
    ada = a_full_life()
    client = visit(ada, checks=True)
    before = list(every_row())
    assert (
        client.post(f"/preferences/{name}", {"sure": "yes", "verdict": Verdict.objects.first().pk}).status_code == 403
    )
    assert list(every_row()) == before


# Receipts


def test_every_day_has_a_line_newest_first_with_what_was_sent_or_why_not() -> None:
    ada, ben = reader("ada"), reader("ben")
    publish(1, 2)
    plan(NOON, [ada.pk, ben.pk], issue_date=NOON.date())
    deliver_all(clock=lambda: NOON)
    for days, (status, reason, detail) in enumerate(
        [("skipped", "paused", ""), ("unknown", "worker_stopped", ""), ("failed", "refused_by_server", "smtp 550 <x>"), ("ready", "", "")], 1
    ):  # fmt: skip
        Delivery.objects.create(
            subscriber=ada,
            issue_date=NOON.date() + timedelta(days=days),
            status=status,
            status_reason=reason,
            detail=detail,
        )
    said = words(visit(ada).get("/preferences/receipts"))
    lines = [
        "Fri, 6 Mar 2026 On its way.",
        "Thu, 5 Mar 2026 It could not be sent.",
        "Wed, 4 Mar 2026 It may have been sent; we do not send it twice.",
        "Tue, 3 Mar 2026 You paused your digests.",
        "Mon, 2 Mar 2026 Sent. 2 papers. 2 Mar, 2 papers: Paper number",
    ]
    assert [line in said for line in lines] == [True] * 5
    assert sorted(lines, key=said.index) == lines
    assert said.count("Sent.") == 1
    assert "smtp" not in said


def test_a_mail_that_said_that_there_was_nothing_has_a_line_that_says_so() -> None:
    ada = reader("ada", wants={"keyword": ["volcano"]}, quiet_days=True)
    publish(1, 2)
    plan(NOON, [ada.pk], issue_date=NOON.date())
    deliver_all(clock=lambda: NOON)
    said = words(visit(ada).get("/preferences/receipts"))
    assert "Mon, 2 Mar 2026 Sent. Nothing that came in matched what you asked for. 2 Mar: nothing for you today" in said
    data = json.loads(visit(ada).get("/preferences/export").content)
    assert data["profile"]["quiet_days"] is True
    (row,) = data["deliveries"]
    assert (row["papers"], row["why_nothing"]) == ([], "Nothing that came in matched what you asked for.")
    erase(ada, now=NOON)
    ada.refresh_from_db()
    assert (ada.quiet_days, Delivery.objects.get().empty_reason) == (False, "")


def test_receipts_come_in_pages_at_the_cost_of_a_few_queries(django_assert_max_num_queries: Any) -> None:
    ada = reader("ada")
    edition = Edition.objects.create(date=NOON.date(), opened_at=NOON)
    Delivery.objects.bulk_create(
        Delivery(subscriber=ada, issue_date=NOON.date() + timedelta(days=n), status="accepted", edition=edition)
        for n in range(150)
    )
    client = visit(ada)
    with django_assert_max_num_queries(4):
        first = client.get("/preferences/receipts")
    assert "Page 1 of 3" in words(first)
    assert "Mon, 2 Mar 2026" in words(client.get("/preferences/receipts?page=3"))
    for page in ("x", "-1", "0", "9" * 5000, "\0"):
        assert client.get("/preferences/receipts", {"page": page}).status_code == 200


def test_before_the_first_digest_the_page_says_what_will_be_there() -> None:
    assert "There are none yet." in words(visit(reader("ada")).get("/preferences/receipts"))


# Verdicts


def test_what_was_said_of_papers_is_listed_and_can_be_taken_back() -> None:
    publish(1, 2)
    ada, ben = reader("ada"), reader("ben")
    for row in (ada, ben):
        for paper in Paper.objects.all():
            Verdict.objects.create(subscriber=row, paper=paper, value="more", given_at=NOON)
    mine = Verdict.objects.filter(subscriber=ada).order_by("pk")
    client = visit(ada)
    assert words(client.get("/preferences/verdicts")).count("More · 2 Mar 2026") == 2

    answer = client.post("/preferences/verdicts", {"verdict": mine[0].pk})
    assert "Undone: “ Paper number" in words(answer)
    assert mine.count() == 1
    assert client.post("/preferences/verdicts", {"verdict": mine[0].pk + 1000}).status_code == 200
    client.post("/preferences/verdicts", {"verdict": Verdict.objects.filter(subscriber=ben).first().pk})
    assert Verdict.objects.filter(subscriber=ben).count() == 2


@pytest.mark.parametrize("number", ["", "x", "-1", "1e9", "٣", "9" * 400, "\0", "\ud800".encode("utf-8", "replace")])
def test_no_number_breaks_the_verdicts(number: Any) -> None:
    publish(1)
    ada = reader("ada")
    Verdict.objects.create(subscriber=ada, paper=Paper.objects.get(), value="less", given_at=NOON)
    assert visit(ada).post("/preferences/verdicts", {"verdict": number}).status_code == 200
    assert Verdict.objects.count() == 1


# Export


def test_the_export_has_all_that_is_kept() -> None:
    ada = a_full_life()
    answer = visit(ada).get("/preferences/export")
    assert answer["Content-Type"] == "application/json"
    assert re.fullmatch(r'attachment; filename="broadsheet-\d{4}-\d\d-\d\d\.json"', answer["Content-Disposition"])
    data = json.loads(answer.content)

    assert data["profile"]["email"] == "Ada.Okafor@example.org"
    assert data["profile"]["pending_email"] == "ada.new@example.net"
    assert (data["profile"]["zone"], data["profile"]["send_hour"], data["profile"]["hype"]) == ("Europe/Berlin", 7, 70)
    assert data["profile"]["weekdays"][0] == "Monday"
    assert [(one["kind"], one["value"], one["stance"]) for one in data["choices"]] == [
        ("topic", "Robotics", "want"),
        ("keyword", "kelp forests", "want"),
        ("author", "Eve Example", "mute"),
    ]
    assert [one["kind"] for one in data["consent"]] == ["signed_up", "confirmed", "suppressed"]
    first = data["consent"][0]
    assert (first["ip"], first["user_agent"], first["wording"], first["words"]) == (IP, BROWSER, VERSION, SIGN_UP)
    sent, waiting = data["deliveries"]
    assert (sent["issue_date"], sent["status"], sent["accepted_at"]) == ("2026-03-02", "accepted", NOON.isoformat())
    assert sent["subject"].startswith("2 Mar, 2 papers: ")
    assert len(sent["papers"]) == 2
    assert {"kind", "label", "contribution"} == set(sent["papers"][0]["reasons"][0])
    assert "Robotics" in {reason["label"] for reason in sent["papers"][0]["reasons"]}
    assert sent["papers"][0]["url"].startswith("https://arxiv.org/abs/")
    assert sent["events"][0]["raw"] == {"to": "Ada.Okafor@example.org"}
    assert waiting["status"] == "ready"
    assert {one["value"] for one in data["verdicts"]} == {"more", "less"}
    assert data["verdicts"][0]["paper"]["title"].startswith("Paper number")
    (part,) = data["own_list"]
    assert (part["name"], part["state"]) == ("okafor-thesis.bib", "kept")
    assert [entry["title"] for entry in part["entries"]] == ["Lichens of old walls"] * 2
    assert {entry["paper"] and entry["paper"]["title"][:12] for entry in part["entries"]} == {None, "Paper number"}
    assert data["mails_asked_for"][0]["ip"] == IP
    assert data["links_mailed"][0]["purpose"] == "sign_in"
    assert data["address_is_suppressed"] is True


def test_the_export_has_what_somebody_asked_for_with_ones_address_and_typed_on_the_form() -> None:
    ada = a_full_life()
    typed = {"wishes": [["keyword", "kelp", "want"]]}
    LinkRequest.objects.create(kind="sign_up", email=ada.email.upper(), choices=typed, asked_at=NOON)
    new_login_token(LoginToken.Purpose.CONFIRM, ada, now=NOON, choices=typed)
    data = json.loads(visit(ada).get("/preferences/export").content)
    assert [row["choices"] for row in data["mails_asked_for"] if row["kind"] == "sign_up"] == [typed]
    assert [row["choices"] for row in data["links_mailed"] if row["purpose"] == "confirm"] == [typed]


def test_every_key_of_the_export_is_documented(request: pytest.FixtureRequest) -> None:
    data = json.loads(visit(a_full_life()).get("/preferences/export").content)
    documented = re.findall(r"^\| `(\w+)` \|", (request.config.rootpath / "docs" / "your-data.md").read_text(), re.M)
    assert list(data) == documented


def test_every_column_about_a_reader_is_in_the_export_or_is_no_one_elses_business() -> None:
    data = json.loads(visit(a_full_life()).get("/preferences/export").content)
    kept_back = {"id", "email_key", "key_version", "confirmations_today", "links_today"}  # keys, numbers and counters
    assert {field.name for field in Subscriber._meta.concrete_fields} - set(data["profile"]) == kept_back
    ours = {
        "id",
        "subscriber",
        "batch",
        "announcement",
        "paper_count",
        "not_before",
        "not_after",
    }  # said in words, or the installation's
    assert {field.name for field in Delivery._meta.concrete_fields} - set(data["deliveries"][0]) == ours


def test_nobody_elses_data_are_in_the_export(django_assert_max_num_queries: Any) -> None:
    a_full_life()
    ben = reader("ben", email="ben@example.com")
    client = visit(ben)
    with django_assert_max_num_queries(12):
        text = client.get("/preferences/export").content.decode()
    assert "ben@example.com" in text
    assert not re.search("ada|kelp|203.0.113", text, re.I)
    assert json.loads(text)["address_is_suppressed"] is False


# Erasing


def test_the_page_says_what_goes_and_does_nothing_without_the_tick() -> None:
    ada = a_full_life()
    client = visit(ada)
    page = client.get("/preferences/erase")
    assert "Erased at once" in words(page)
    before = list(every_row())
    for data in ({}, {"sure": ""}, {"sure": "no"}, {"sure": "\0"}):
        answer = client.post("/preferences/erase", data)
        assert answer.status_code == 422
        assert "Tick the box" in words(answer)
    assert list(every_row()) == before


def traces(row: Subscriber) -> Iterator[str]:
    """Whatever of a person can still be found in any table."""
    dump = json.dumps(list(every_row()), default=str)
    for trace in (
        "okafor",
        "ada.new",
        "example.net",
        "kelp",
        "Berlin",
        "Eve Example",
        IP,
        BROWSER[:20],
        "queued for",
        "lichens",
    ):
        if trace.lower() in dump.lower():
            yield trace


def test_nothing_personal_is_left_in_any_table() -> None:
    ada = a_full_life()
    ben = reader("ben")
    plan(NOON, [ben.pk], issue_date=NOON.date())
    assert len(set(traces(ada))) == 10
    client = visit(ada)
    answer = client.post("/preferences/erase", {"sure": "yes"})
    assert answer.status_code == 200
    assert "Your data are erased" in words(answer)
    assert list(traces(ada)) == []
    assert not Verdict.objects.exists()
    assert Suppression.objects.get().address_hash == address_hash("Ada.Okafor@example.org")
    kept = Delivery.objects.filter(subscriber=ada).order_by("issue_date")
    assert list(kept.values_list("status", "paper_count", "content", "message_id")) == [
        ("accepted", 0, None, None),
        ("skipped", 0, None, None),
    ]
    assert Delivery.objects.get(subscriber=ben).paper_ids != []


def test_the_visit_is_over_and_so_are_all_others() -> None:
    ada = a_full_life()
    here, elsewhere = visit(ada), visit(ada)
    here.post("/preferences/erase", {"sure": "yes"})
    for client in (here, elsewhere):
        assert client.get("/preferences/export").status_code == 302
    assert not Session.objects.filter(session_key=here.cookies.get("sessionid", "")).exists()


def test_erasing_twice_is_the_same_as_once() -> None:
    ada = a_full_life()
    assert erase(ada, now=NOON)
    before = list(every_row())
    assert not erase(ada, now=NOON + timedelta(days=1))
    assert list(every_row()) == before


def test_what_was_ready_to_leave_does_not() -> None:
    ada = a_full_life()
    mail.outbox.clear()
    erase(ada, now=NOON)
    deliver_all(clock=lambda: NOON + timedelta(days=1))
    assert mail.outbox == []


def test_a_row_written_by_a_planner_that_did_not_know_yet_is_emptied_before_anything_leaves() -> None:
    ada = reader("ada", wants={"keyword": ["measurement"]})
    publish(1, 2)
    plan(NOON, [ada.pk], issue_date=NOON.date())
    consent.erase(ada.public_id, now=NOON)  # as if the row had been written a moment after erasing
    deliver_all(clock=lambda: NOON)
    row = Delivery.objects.get()
    assert mail.outbox == []
    assert (row.status, row.paper_count, row.message_id) == ("skipped", 0, None)
    assert not DeliveryContent.objects.exists()


def test_a_digest_that_was_being_handed_over_while_its_reader_was_erased_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ada = reader("ada", wants={"keyword": ["measurement"]})
    publish(1, 2)
    plan(NOON, [ada.pk], issue_date=NOON.date())
    make = emails.Mails.email_for

    def erased_meanwhile(*args: Any) -> Any:
        email = make(*args)
        erase(ada, now=NOON)
        return email

    monkeypatch.setattr(emails.Mails, "email_for", erased_meanwhile)
    deliver_all(clock=lambda: NOON)
    row = Delivery.objects.get()
    assert (row.status, row.paper_count) == ("accepted", 0)
    assert not DeliveryContent.objects.exists()
    assert (row.message_id, row.provider_message_id, row.status_reason) == (None, "", "")


def test_the_receipts_of_today_are_of_the_readers_own_day() -> None:
    name = visit(reader("ada", zone="Pacific/Kiritimati")).get("/preferences/export")["Content-Disposition"]
    assert (datetime.now(UTC) + timedelta(hours=14)).date().isoformat() in name
