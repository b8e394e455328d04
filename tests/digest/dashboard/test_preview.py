"""Preview: any reader's mail in a frame that runs nothing, and a test of it to the staff alone."""

from __future__ import annotations

import re
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client

from digest.config import headers
from digest.dashboard import preview
from digest.dashboard.auth.roles import Role
from digest.models import Delivery, Edition, Paper
from subscriptions.models import Subscriber, Suppression, address_hash
from tests.support.database_rows import every_row
from tests.support.editions import GRAPHS, ROBOT, publish
from tests.support.factories import NOON, entry, reader, topic
from tests.support.staff import one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db
HOSTILE = '"><svg onload=alert(1)><script>alert(2)</script><img src=x onerror=alert(3)>'


@pytest.fixture(autouse=True)
def _at_noon() -> Any:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture(autouse=True)
def _mails_stay_here(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def cleo() -> User:
    return one_of_the_staff(Role.CURATOR, Role.PRIVACY)


@pytest.fixture
def dashboard(cleo: User) -> Client:
    return signed_in(cleo)


@pytest.fixture
def ada() -> Subscriber:
    publish(ROBOT, GRAPHS)
    return reader("ada", wants={"category": ["cs.RO"]})


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def sends(dashboard: Client, one: Subscriber, address: Any = None) -> str:
    """Press the button; what the page then says."""
    chosen = EmailAddress.objects.get(user__username="cleo").pk if address is None else address
    answer = dashboard.post("/dashboard/preview/send", {"query": f"reader={one.public_id}", "address": chosen})
    assert answer.status_code == 302
    return text_of(dashboard.get(answer.headers["Location"]))


def test_a_readers_mail_is_shown_with_its_subject_size_and_moment(dashboard: Client, ada: Subscriber) -> None:
    said = text_of(dashboard.get(f"/dashboard/preview?reader={ada.public_id}"))
    assert "For 2 March 2026, from the edition of 2 March, with picks, hides and wishes as of 12:00:00 UTC" in said
    assert "Subject 2 Mar, 1 paper: A robot that folds laundry" in said
    assert re.search(r"Size of the HTML \d{4,5} \d{1,2},\d{3} of 90,000 octets", said)
    assert "ada@" not in said


def test_it_is_shown_as_text_as_it_goes_out_and_paper_by_paper(dashboard: Client, ada: Subscriber) -> None:
    address = f"/dashboard/preview?reader={ada.public_id}&show="
    assert "A robot that folds laundry" in text_of(dashboard.get(address + "text"))
    source = text_of(dashboard.get(address + "source"))
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in source
    assert "Content-Transfer-Encoding: quoted-printable" in source
    why = text_of(dashboard.get(address + "why"))
    assert re.search(r"1\. A robot that folds laundry Term Match Adds .*Category cs\.RO .*Score", why)
    assert dashboard.get(address + "<script>").status_code == 200


def test_a_made_up_taste_is_shown_and_what_is_wrong_in_it_is_left_out(dashboard: Client, ada: Subscriber) -> None:
    topic("Robotics", categories=["cs.RO"])
    said = text_of(
        dashboard.get("/dashboard/preview?taste=1&topics=robotics&keywords=planar&max_papers=99&hype=50&muted=***")
    )
    assert "Subject 2 Mar," in said
    assert "2 papers" in said
    assert "Enter a number of papers from 3 to 25." in said
    assert "has no letter or digit" in said
    assert "Shown as a first digest." in said


def test_a_made_up_taste_may_ask_for_the_full_mail(dashboard: Client, ada: Subscriber) -> None:
    query, shown = "taste=1&max_papers=10&hype=50&layout=", {}
    for layout in ("compact", "full"):
        page = dashboard.get(f"/dashboard/preview?{query}{layout}").content.decode()
        assert f'<option value="{layout}" selected>' in page
        assert f"layout={layout}&amp;colours=light" in page  # in the frame too
        shown[layout] = dashboard.get(f"/dashboard/preview/mail?{query}{layout}").content.decode()
    said = text_of(dashboard.get(f"/dashboard/preview?{query}neither"))
    assert "Choose “compact” or “full”." in said
    assert ["&nbsp;cs.RO Robotics&nbsp;" in html for html in shown.values()] == [False, True]


def test_whoever_is_not_there_is_a_sentence(dashboard: Client) -> None:
    for number in ("nobody", "%00", "x" * 500):
        answer = dashboard.get(f"/dashboard/preview?reader={number}")
        assert answer.status_code == 404
        assert "No reader has this number" in text_of(answer)


def test_only_privacy_finds_a_reader_by_address_and_it_is_in_no_address_bar(dashboard: Client, ada: Subscriber) -> None:
    carl = signed_in(one_of_the_staff(Role.CURATOR, name="carl"))
    assert carl.post("/dashboard/preview/find", {"address": ada.email}).status_code == 403
    assert 'name="address"' not in carl.get("/dashboard/preview").content.decode()
    dora = signed_in(one_of_the_staff(Role.PRIVACY, name="dora"))
    assert dora.post("/dashboard/preview/find", {"address": " ADA@Example.org"}).headers["Location"] == (
        f"/dashboard/preview?reader={ada.public_id}"
    )
    for wrong in ("eve@example.org", "\0", ""):
        dora.post("/dashboard/preview/find", {"address": wrong})
        assert "No reader has this address" in text_of(dora.get("/dashboard/preview"))


def test_60_a_preview_is_a_sandboxed_frame_whose_policy_forbids_script_and_a_stored_title_does_not_run(
    dashboard: Client,
) -> None:
    """Requirement 60 of docs/requirements.md; tests/browser/test_today.py presses it in a browser."""
    publish(entry(1, title=f"Title {HOSTILE}", authors=(f"Name {HOSTILE}",)), name=f"Source {HOSTILE}")
    ada = reader("ada", wants={"category": ["cs.LG"]})
    page = dashboard.get(f"/dashboard/preview?reader={ada.public_id}")
    (frame,) = re.findall(r"<iframe[^>]*>", page.content.decode())
    assert 'sandbox=""' in frame
    assert f'src="/dashboard/preview/mail?reader={ada.public_id}&amp;colours=light"' in frame
    assert page.headers["Content-Security-Policy"] == f"{headers.POLICY}; frame-src 'self'"
    inside = dashboard.get(f"/dashboard/preview/mail?reader={ada.public_id}")
    policy_inside = inside.headers["Content-Security-Policy"]
    assert policy_inside.startswith("sandbox; default-src 'none'; ")
    assert "script" not in policy_inside
    assert "allow-" not in policy_inside
    assert "frame-ancestors 'self'" in policy_inside
    assert inside.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert dashboard.get("/dashboard/preview").headers["X-Frame-Options"] == "DENY"
    for show in ("html", "text", "source", "why"):
        html = dashboard.get(f"/dashboard/preview?reader={ada.public_id}&show={show}").content.decode()
        assert not re.search(r"<script(?! src=)|<svg|<img|onerror=alert\(3\)>", html)
    assert "alert(2)" in inside.content.decode()
    assert not re.search(r"<script|<svg|<img src=x", inside.content.decode())


def test_no_link_in_the_frame_acts_and_none_in_the_mail_is_the_readers(dashboard: Client, ada: Subscriber) -> None:
    inside = dashboard.get(f"/dashboard/preview/mail?reader={ada.public_id}").content.decode()
    assert "href=" not in inside
    assert "A robot that folds laundry" in inside
    source = dashboard.get(f"/dashboard/preview?reader={ada.public_id}&show=source").content.decode()
    (leave,) = set(re.findall(r"List-Unsubscribe: &lt;http://[^/]+(/u/[\w-]+)&gt;", source))
    before = list(every_row())
    Client().post(leave, {"List-Unsubscribe": "One-Click"})
    assert list(every_row()) == before


def test_64_a_test_mail_goes_to_verified_staff_alone_says_so_in_its_subject_and_writes_no_delivery(
    dashboard: Client, cleo: User, ada: Subscriber
) -> None:
    """Requirement 64 of docs/requirements.md."""
    dan = one_of_the_staff(name="dan")
    unverified = EmailAddress.objects.create(user=dan, email="dan@elsewhere.example.org", verified=False)
    stranger = User.objects.create_user("eve", "eve@example.org", "an unlikely password")
    not_staff = EmailAddress.objects.create(user=stranger, email=stranger.email, verified=True)
    offered = dashboard.get(f"/dashboard/preview?reader={ada.public_id}").content.decode()
    assert "cleo@dashboard.example.org" in offered
    assert "dan@dashboard.example.org" in offered
    assert "elsewhere" not in offered
    assert "eve@" not in offered
    for address in (unverified.pk, not_staff.pk, "cleo@dashboard.example.org", "victim@example.org", "", "9" * 30):
        assert "Choose an address from the list" in sends(dashboard, ada, address)
    assert mail.outbox == []
    before = dict(every_row())

    assert "Sent a test mail to cleo@dashboard.example.org." in sends(dashboard, ada)
    (sent,) = mail.outbox
    assert sent.to == ["cleo@dashboard.example.org"]
    letter = message_from_bytes(sent.message().as_bytes(), policy=policy.default)
    assert letter["Subject"] == "[PREVIEW] 2 Mar, 1 paper: A robot that folds laundry"
    assert [name for name in letter if name.startswith("List-") or name == "Precedence"] == []
    octets = sent.message().as_bytes().decode()
    assert ada.public_id not in octets
    assert ada.email not in octets

    after = dict(every_row())
    assert not Delivery.objects.exists()
    changed = {name for name in after if after[name] != before[name]}
    assert changed - {"sessions.Session"} == {"admin.LogEntry"}
    line = LogEntry.objects.get()
    assert line.change_message == f"Sends a test of a digest to number {cleo.pk} of the staff."
    assert "@" not in line.change_message + line.object_repr


def test_a_test_mail_to_a_suppressed_address_is_refused(dashboard: Client, ada: Subscriber) -> None:
    Suppression.objects.create(address_hash=address_hash("cleo@dashboard.example.org"), reason="bounced")
    assert "The test mail was not sent. Mail to this address is suppressed." in sends(dashboard, ada)
    assert mail.outbox == []


def test_twenty_test_mails_leave_within_an_hour_and_no_more(dashboard: Client, ada: Subscriber) -> None:
    for _ in range(20):
        assert "Sent a test mail" in sends(dashboard, ada)
    assert "You sent 20 test mails within this hour" in sends(dashboard, ada)
    assert len(mail.outbox) == 20
    with time_machine.travel(NOON + timedelta(hours=1), tick=False):
        assert "Sent a test mail" in sends(signed_in(User.objects.get(username="cleo")), ada)


def test_senders_may_send_tests_and_others_may_not(ada: Subscriber) -> None:
    one_of_the_staff(Role.CURATOR)
    assert "Sent a test mail" in sends(signed_in(one_of_the_staff(Role.SENDER, Role.PRIVACY, name="sven")), ada)
    dora = signed_in(one_of_the_staff(Role.PRIVACY, name="dora"))
    asked = {"query": f"reader={ada.public_id}", "address": EmailAddress.objects.get(user__username="cleo").pk}
    assert dora.post("/dashboard/preview/send", asked).status_code == 403
    assert "Send a test mail" not in dora.get(f"/dashboard/preview?reader={ada.public_id}").content.decode()
    assert len(mail.outbox) == 1


def test_there_is_nothing_to_send_of_a_day_without_a_mail(dashboard: Client, ada: Subscriber) -> None:
    ada.preferences.update(value="math.AG")
    assert "There is no mail to send" in sends(dashboard, ada)
    assert "No mail: Nothing that came in matched what you asked for." in text_of(
        dashboard.get(f"/dashboard/preview?reader={ada.public_id}")
    )


def test_looking_writes_nothing(dashboard: Client, ada: Subscriber) -> None:
    before = list(every_row())
    for address in (
        "/dashboard/preview",
        *(f"/dashboard/preview?reader={ada.public_id}&show={show}" for show in preview.SHOWS),
        "/dashboard/preview?taste=1&keywords=robot&max_papers=10&hype=50",
        f"/dashboard/preview/mail?reader={ada.public_id}",
        f"/dashboard/preview?reader={ada.public_id}&send=1&address=1",
    ):
        assert dashboard.get(address).status_code == 200
    assert list(every_row()) == before


@pytest.mark.parametrize("readers", [1, 30])
def test_it_takes_as_many_queries_for_many_readers_as_for_one(
    readers: int, dashboard: Client, ada: Subscriber, django_assert_num_queries: Any
) -> None:
    for number in range(readers):
        reader(f"reader{number}", wants={"keyword": [f"word{number}", "robot"]})
    publish(*[entry(number) for number in range(10, 10 + readers)], at=NOON - timedelta(days=1))
    dashboard.get(f"/dashboard/preview?reader={ada.public_id}")  # the week's papers are laid ready
    assert Edition.objects.count() == 2
    assert Paper.objects.count() == 2 + readers
    with django_assert_num_queries(27):
        dashboard.get(f"/dashboard/preview?reader={ada.public_id}")


def test_a_mail_is_shown_in_light_and_dark_colours_for_a_desk_and_a_phone(dashboard: Client, ada: Subscriber) -> None:
    page = dashboard.get(f"/dashboard/preview?reader={ada.public_id}&width=375&colours=dark").content.decode()
    assert f"/dashboard/preview/mail?reader={ada.public_id}&amp;colours=dark" in page
    assert "mail mail-375" in page
    mails = {
        colours: dashboard.get(f"/dashboard/preview/mail?reader={ada.public_id}&colours={colours}").content.decode()
        for colours in ("light", "dark", "<pink>")
    }
    assert "@media all{" in mails["dark"]
    assert "@media all{" not in mails["light"]
    assert mails["<pink>"] == mails["light"]
