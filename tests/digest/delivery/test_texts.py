"""Each code has its sentence, and a code that nobody knows stops no page."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from digest.dashboard.auth.roles import Role
from digest.delivery import reader_texts, staff_texts
from digest.models import Delivery, StatusReason
from subscriptions.mail import outcomes
from subscriptions.mail.outcomes import SendReason, SendResult, SendStatus
from subscriptions.models import Subscriber
from tests.support.factories import delivery, reader
from tests.support.staff import one_of_the_staff, signed_in

UNKNOWN = "from_the_future"
LONGEST = Delivery._meta.get_field("status_reason").max_length or 0


@pytest.mark.parametrize("reason", [reason for reason in StatusReason if reason != StatusReason.OTHER])
def test_every_reason_has_a_sentence_for_the_staff(reason: StatusReason) -> None:
    for papers in (0, 3):
        said = staff_texts.reason_text(reason, papers=papers)
        assert said.endswith(".")
        assert said[0].isupper()
        assert "nknown reason" not in said
        assert staff_texts.reason_text(reason, "550 no.", papers=papers) == f"{said[:-1]} (550 no)."


@pytest.mark.parametrize("reason", [reason for reason in StatusReason if reason != StatusReason.OTHER])
def test_what_the_staff_read_does_not_speak_to_the_reader(reason: StatusReason) -> None:
    assert not {"you", "your"} & set(staff_texts.reason_text(reason).lower().rstrip(".").split())


def test_words_that_an_older_version_wrote_are_shown_as_they_are() -> None:
    assert staff_texts.reason_text(StatusReason.OTHER, "The dog ate it.") == "The dog ate it."
    assert reader_texts.reason_text(StatusReason.OTHER, detail="The dog ate it.") == "The dog ate it."


def test_without_a_reason_nothing_is_said_but_the_words_of_the_server() -> None:
    assert staff_texts.reason_text("") == ""
    assert staff_texts.reason_text("", "250 queued") == "250 queued"
    assert reader_texts.reason_text("", detail="250 queued") == ""


@pytest.mark.parametrize("reason", [reason for reason in SendReason if reason])
def test_each_reason_of_a_mail_is_one_of_a_delivery_with_a_sentence_of_its_own(reason: SendReason) -> None:
    assert reason in StatusReason.values
    assert len(reason) <= LONGEST
    assert outcomes.REASON_TEXTS[reason]
    assert SendResult(SendStatus.FAILED, "550 no", reason=reason).text == staff_texts.reason_text(reason, "550 no")


def test_the_codes_fit_their_column() -> None:
    assert max(map(len, StatusReason.values)) <= LONGEST


@pytest.mark.parametrize("status", Delivery.Status.values)
def test_a_code_that_nobody_knows_is_shown_as_an_unknown_reason(status: str) -> None:
    row = Delivery(status=status, status_reason=UNKNOWN, detail="as it said")
    assert staff_texts.delivery_text(row) == "Unknown reason: as it said"
    assert reader_texts.reason_text(UNKNOWN, detail="as it said") == "Unknown reason: as it said"
    assert reader_texts.reason_text(UNKNOWN) == staff_texts.reason_text(UNKNOWN) == "Unknown reason."
    if status in reader_texts.SAID_TO_READERS:
        assert reader_texts.status_text(row) == "Unknown reason: as it said"
    else:  # the words of a mail server are no matter for readers
        assert reader_texts.status_text(row) == reader_texts.STATUS_TEXTS[Delivery.Status(status)]


def test_a_status_that_nobody_knows_is_told_by_the_words_beside_it() -> None:
    assert reader_texts.status_text(Delivery(status="lost", detail="as it said")) == "Unknown reason: as it said"
    assert reader_texts.status_text(Delivery(status="lost")) == "Unknown reason."


# Pages ---------------------------------------------------------------------------------------------------------------


def one_of_each_status() -> Subscriber:
    """A reader with a digest of each status, and of one that nobody knows, all for a reason that nobody knows."""
    ada = reader("ada")
    for days, status in enumerate([*Delivery.Status.values, "lost"]):
        delivery(ada, days=-days, status=status, status_reason=UNKNOWN, detail="as <b>it</b> said")
    return ada


@pytest.mark.django_db
def test_the_receipts_of_a_reader_show_a_code_that_nobody_knows() -> None:
    ada = one_of_each_status()
    client = Client()
    session = client.session
    session["reader"], session["reader_key_version"] = ada.public_id, ada.key_version
    session.save()
    page = client.get("/preferences/receipts")
    assert page.status_code == 200
    # skipped, expired, and the status that nobody knows
    assert page.content.decode().count("Unknown reason: as &lt;b&gt;it&lt;/b&gt; said") == 3


@pytest.mark.django_db
def test_the_pages_of_the_staff_show_a_code_that_nobody_knows() -> None:
    ada = one_of_each_status()
    staff = signed_in(one_of_the_staff(Role.SENDER, Role.PRIVACY))
    assert staff.get(reverse("dashboard_deliveries")).status_code == 200
    for row in ada.deliveries.exclude(status="lost"):
        shown = staff.get(reverse("dashboard_delivery_list"), {"date": row.issue_date.isoformat()})
        assert "Unknown reason: as &lt;b&gt;it&lt;/b&gt; said" in shown.content.decode(), row.status
    for row in ada.deliveries.all():
        shown = staff.get(reverse("dashboard_delivery", args=[row.pk]))
        assert shown.status_code == 200
        if row.status != "accepted":  # which a step of its own tells
            assert "Unknown reason: as &lt;b&gt;it&lt;/b&gt; said" in shown.content.decode(), row.status
    assert staff.get(reverse("dashboard_reader", args=[ada.public_id])).status_code == 200
