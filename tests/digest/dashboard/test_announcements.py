"""The pages of announcements: write, preview, test, approve by another member, cancel; the history has each step."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.core import mail
from django.test import Client

from digest.compose.letter import LONGEST_LETTER
from digest.dashboard.auth.roles import Role
from digest.models import Announcement, Delivery
from subscriptions import consent
from subscriptions.consent_text import VERSION
from subscriptions.models import ConsentEvent
from tests.support.database_rows import every_row
from tests.support.factories import NOON, reader, topic
from tests.support.staff import one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db
PAGE = "/dashboard/announcements"


@pytest.fixture(autouse=True)
def _at_noon() -> Any:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture(autouse=True)
def _mails_stay_here(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def cleo() -> Client:
    return signed_in(one_of_the_staff(Role.CURATOR))


@pytest.fixture
def dan() -> Client:
    return signed_in(one_of_the_staff(Role.CURATOR, name="dan"))


def text_of(answer: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def draft(by: Client, path: str = PAGE, **values: Any) -> Any:
    given = {"subject": "A workshop", "text": "Come on *Friday*.", "to": "", "seen": ""}
    return by.post(path, given | values, follow=True)


def page(by: Client, row: Announcement) -> str:
    return text_of(by.get(f"{PAGE}/{row.pk}"))


def approve(by: Client, row: Announcement, **values: Any) -> str:
    return text_of(by.post(f"{PAGE}/{row.pk}/approve", {"seen": row.version} | values, follow=True))


def test_a_draft_is_saved_changed_and_listed(cleo: Client) -> None:
    topic("Robotics")
    said = text_of(draft(cleo, to="robotics"))
    assert "Saved as a draft. Another member must approve it before it is sent." in said
    row = Announcement.objects.get()
    assert "To the readers of Robotics. Written by cleo" in said
    draft(cleo, f"{PAGE}/{row.pk}", seen=row.version, subject="Another subject")
    assert "Another subject Draft all readers · cleo" in text_of(cleo.get(PAGE))
    lines = list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True))
    assert lines == ["Saved the draft: A workshop", "Saved the draft: Another subject"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"subject": ""}, "Write a subject of at most 78 characters."),
        ({"subject": "x" * 79}, "Write a subject of at most 78 characters."),
        ({"text": " "}, "The text has no words."),
        ({"text": "x" * (LONGEST_LETTER + 1)}, "The text has 4,001 characters."),
    ],
)
def test_what_cannot_be_is_refused_and_stays_in_the_form(values: dict[str, str], sentence: str, cleo: Client) -> None:
    answer = draft(cleo, **{"text": "Words <b> & more", **values})
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert html.escape((values.get("text") or "Words <b> & more").strip()) in answer.content.decode()
    assert not Announcement.objects.exists()


def test_a_subject_cannot_bring_headers_of_its_own(cleo: Client) -> None:
    draft(cleo, subject="One\r\nBcc: all@example.org\0")
    assert Announcement.objects.get().subject == "One Bcc: all@example.org"


def test_it_is_previewed_as_typed_in_light_and_dark_and_nothing_is_written(cleo: Client) -> None:
    draft(cleo)
    row = Announcement.objects.get()
    before = list(every_row())
    for number in (0, row.pk):
        typed = {"subject": "Typed", "text": "Typed **words** <script>x</script>", "to": ""}
        answer = cleo.post(f"{PAGE}/{number}/preview", typed)
        frames = [html.unescape(one) for one in re.findall(r'srcdoc="([^"]*)"', answer.content.decode())]
        assert len(frames) == 2
        assert all("Typed <strong>words</strong> &lt;script&gt;" in one for one in frames)
        assert all("href=" not in one for one in frames)
        assert answer.headers["Content-Security-Policy"].startswith("sandbox;")
    assert "Come on" in cleo.get(f"{PAGE}/{row.pk}/preview").content.decode()
    assert list(every_row()) == before


def test_a_test_goes_to_verified_staff_only_and_to_no_row(cleo: Client) -> None:
    draft(cleo)
    row = Announcement.objects.get()
    address = EmailAddress.objects.get()
    said = text_of(cleo.post(f"{PAGE}/{row.pk}/test", {"address": address.pk}, follow=True))
    assert f"Sent a test mail to {address.email}." in said
    assert [(one.to, one.subject) for one in mail.outbox] == [([address.email], "[PREVIEW] A workshop")]
    address.verified = False
    address.save()
    cleo.post(f"{PAGE}/{row.pk}/test", {"address": address.pk})
    assert len(mail.outbox) == 1
    assert not Delivery.objects.exists()


def test_another_member_approves_it_and_the_page_says_when_it_leaves(cleo: Client, dan: Client) -> None:
    draft(cleo)
    row = Announcement.objects.get()
    assert "You wrote it, so another member must approve it." in page(cleo, row)
    assert "Somebody else must approve it" in approve(cleo, row)
    assert "It has changed since you opened the page." in approve(dan, row, seen="1.0")
    said = approve(dan, row)
    assert "Approved. Its mails leave in 10 minutes, unless somebody cancels it." in said
    assert "Approved by dan at 2 March, 12:00 UTC; its mails leave from 12:10 UTC." in said
    assert LogEntry.objects.latest("pk").change_message == "Approved: A workshop"


def test_approving_asks_for_the_password_again(cleo: Client) -> None:
    draft(cleo)
    row = Announcement.objects.get()
    late = signed_in(one_of_the_staff(Role.CURATOR, name="dora"), seconds_ago=900)
    answer = late.post(f"{PAGE}/{row.pk}/approve", {"seen": row.version})
    assert answer.headers["Location"].startswith("/staff/again/")
    row.refresh_from_db()
    assert row.status == "draft"


def test_the_page_says_how_many_are_left_out_and_why(cleo: Client) -> None:
    for name, wording in (("ada", VERSION), ("ben", ""), ("cyd", "")):
        one = reader(name)
        consent.record(one.public_id, ConsentEvent.Kind.SIGNED_UP, now=NOON, wording=wording)
    draft(cleo)
    said = page(cleo, Announcement.objects.get())
    assert "Get it 1 Left out: agreed to digests only 2 Left out: paused 0" in said
    assert "Those of before December 2026 do not." in said


def test_it_is_cancelled_before_it_is_sent(cleo: Client, dan: Client) -> None:
    draft(cleo)
    row = Announcement.objects.get()
    approve(dan, row)
    said = text_of(cleo.post(f"{PAGE}/{row.pk}/cancel", follow=True))
    assert "Cancelled. 0 mails were stopped." in said
    assert "Cancel the announcement" not in said
    assert LogEntry.objects.latest("pk").change_message == "Cancelled; 0 mails stopped."


def test_its_page_counts_what_became_of_its_mails(cleo: Client, dan: Client) -> None:
    draft(cleo)
    row = Announcement.objects.get()
    approve(dan, row)
    for number, status in enumerate(["accepted", "accepted", "bounced"]):
        Delivery.objects.create(subscriber=reader(f"r{number}"), announcement=row, status=status)
    assert "Accepted 2 Bounced 1" in page(cleo, row)
    assert "Cancel the announcement" in page(cleo, row)


def test_once_all_its_mails_have_left_there_is_nothing_to_cancel(cleo: Client, dan: Client) -> None:
    draft(cleo)
    row = Announcement.objects.get()
    approve(dan, row)
    waits = Delivery.objects.create(subscriber=reader("r"), announcement=row, status="retry_wait")
    Announcement.objects.update(status=Announcement.Status.PLANNED)
    assert "Cancel the announcement" in page(cleo, row)
    Delivery.objects.filter(pk=waits.pk).update(status="accepted")
    assert "Cancel the announcement" not in page(cleo, row)


def test_only_curators_act_and_what_is_not_there_is_not_found(cleo: Client) -> None:
    draft(cleo)
    row = Announcement.objects.get()
    sam = signed_in(one_of_the_staff(Role.SENDER, name="sam"))
    assert [sam.post(f"{PAGE}/{row.pk}/{act}").status_code for act in ("test", "approve", "cancel")] == [403] * 3
    assert draft(sam).status_code == 403
    assert sam.get(f"{PAGE}/{row.pk}").status_code == 200
    assert cleo.get(f"{PAGE}/999").status_code == 404
    assert cleo.post(f"{PAGE}/999/cancel", follow=True).status_code == 200
    assert Client().get(f"{PAGE}/{row.pk}").status_code == 302


def test_the_announcement_of_yesterday_stays_in_the_list(cleo: Client) -> None:
    draft(cleo)
    with time_machine.travel(NOON + timedelta(days=1), tick=False):
        assert "A workshop" in text_of(signed_in(one_of_the_staff(Role.CURATOR, name="eve")).get(PAGE))
