"""A morning on the dashboard in a real browser, from signing in to the mail that arrives; nothing hostile runs."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from playwright.sync_api import Browser, expect

from tests.support.running_service import wait_for
from tests.support.services import free_port
from tests.support.staff_browser import Phone, heading, sign_in, type_code
from tests.support.visitor import Site, Visitor, site_at

NOTE = "Read the second table first: <b>it holds</b> the surprise."
SEEN_AT = (768, 1280)
HOSTILE = "<img src=x onerror=\"document.body.dataset.ran='yes'\"><script>document.body.dataset.ran='yes'</script>"

# Ada reads arXiv's machine learning and is due tomorrow; it is about noon where she lives, so midnight is far.
ADA = """
from datetime import UTC, datetime, timedelta
from digest.models import Paper, Verdict
from tests.support.factories import reader
now = datetime.now(UTC)
ahead = 12 - now.hour
ada = reader("ada", wants={{"category": ["cs.LG"], "keyword": [{hostile!r}]}},
             zone=f"Etc/GMT{{-ahead:+}}" if ahead else "UTC", next_send_at=now + timedelta(days=1))
Verdict.objects.create(subscriber=ada, paper=Paper.objects.last(), value="more", given_at=now)
"""
ADA_IS_DUE = "from django.utils.timezone import now; from subscriptions.models import Subscriber; Subscriber.objects.update(next_send_at=now())"
STATUSES = "from digest.models import Delivery; print(*Delivery.objects.values_list('status', flat=True))"


class Sink:
    """A mail server that takes what comes."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken += envelope.rcpt_tos
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"


@pytest.fixture
def sink() -> Iterator[tuple[Sink, int]]:
    sink, port = Sink(), free_port()
    server = Controller(sink, hostname="127.0.0.1", port=port)
    server.start()
    yield sink, port
    server.stop()


@pytest.fixture
def mailing_site(tmp_path_factory: pytest.TempPathFactory, sink: tuple[Sink, int]) -> Iterator[Site]:
    """The service with a mail server of its own."""
    with site_at(
        tmp_path_factory.mktemp("dashboard"),
        SITE_URL="http://papers.example.org",
        MAIL_PROVIDER="smtp",
        SMTP_URL=f"smtp://127.0.0.1:{sink[1]}",
        DEFAULT_FROM_EMAIL="Broadsheet <digest@papers.example.org>",
        POSTAL_ADDRESS="4 Harbour Street, 20457 Hamburg, Germany",
    ) as site:
        yield site


@pytest.fixture
def olga(browser: Browser, mailing_site: Site) -> Iterator[Visitor]:
    """Olga, who may do all: taken on by the command, she sets up her code, signs out, and signs in with both."""
    said = mailing_site.installation.run("manage.py", "staff", "olga@dashboard.example.org", "--role", "owner")
    password = re.findall(r"password +(\S+)", said)[0]
    with Visitor.with_browser(browser, mailing_site) as visitor:
        visitor.open("/dashboard/")
        sign_in(visitor, "olga@dashboard.example.org", password)
        heading(visitor, "Set up your code")
        phone = Phone(visitor.page.locator("#key").inner_text())
        type_code(visitor, phone.code(), "Set up the code")
        visitor.follow("Continue to the dashboard")
        visitor.press("Sign out")
        sign_in(visitor, "olga@dashboard.example.org", password)
        type_code(visitor, phone.code(), "Sign in")
        expect(visitor.page.get_by_role("heading", name="Candidates of")).to_be_visible()
        yield visitor


def test_a_morning_at_the_dashboard(olga: Visitor, mailing_site: Site, sink: tuple[Sink, int]) -> None:
    page, taken = olga.page, sink[0].taken

    # Picked with a note, and seen as Ada would get it
    mailing_site.run(ADA.format(hostile=HOSTILE[:190]))
    first = page.locator("[data-paper]").first
    title = first.get_by_role("heading").inner_text()
    first.locator("details.judge > summary").click()
    first.get_by_label("Note").fill(NOTE)
    first.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Picked for")
    olga.open("/dashboard/preview")
    page.get_by_label("or their address").fill("ada@example.org")
    olga.press("Find")
    frame = page.frame_locator("iframe.mail")
    expect(frame.get_by_text(NOTE)).to_be_visible()
    expect(frame.get_by_text(title)).to_be_visible()

    # Paused, before anything is due
    olga.open("/dashboard/deliveries")
    expect(page.locator("#judged + details summary")).to_contain_text("1 paper")
    olga.look("dashboard-deliveries-running", pictured=SEEN_AT)
    page.get_by_label("Reason").fill(f"The subject is wrong {HOSTILE}")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Paused by olga since")).to_be_visible()

    # A real run meanwhile: planned, and nothing leaves
    mailing_site.run(ADA_IS_DUE)
    wait_for(lambda: mailing_site.run(STATUSES).split() == ["ready"], mailing_site.service)
    time.sleep(4)  # some ticks
    assert taken == []
    mailing_site.run(
        "from digest.models import Paper; from django.db.models import F, Value; from django.db.models.functions import "
        f"Concat; Paper.objects.update(title=Concat(F('title'), Value({HOSTILE!r})))"
    )
    olga.open("/dashboard/deliveries")
    expect(page.get_by_text("1 digest waits and cannot leave now.")).to_be_visible()
    olga.look("dashboard-deliveries-paused", pictured=SEEN_AT)

    # Resumed: the mail arrives, once, with the pick and its note
    olga.press("Resume")
    expect(page.get_by_text("Resumed.")).to_be_visible()
    wait_for(lambda: mailing_site.run(STATUSES).split() == ["accepted"], mailing_site.service)
    time.sleep(3)
    assert taken == ["ada@example.org"]
    for kind in ("plain", "html"):
        part = sink[0].mails[0].get_body((kind,))
        assert part is not None
        words = " ".join(unescape(part.get_content()).split())
        assert "Picked by the editors" in words
        assert NOTE in words
        assert title in words
    olga.open("/dashboard/deliveries")
    expect(page.get_by_text("All is well: 1 digest sent")).to_be_visible()

    # Its story, and why its papers were chosen
    olga.follow("Show each digest of this day")
    olga.look("dashboard-list", pictured=SEEN_AT)
    page.locator("tbody th a").first.click()
    expect(page.get_by_text("Taken by the mail provider")).to_be_visible()
    page.locator("summary", has_text="Score").first.click()
    olga.look("dashboard-digest", pictured=SEEN_AT)

    # Ada, found by her address, suppressed and written to again
    olga.follow("Readers")
    olga.look("dashboard-readers", pictured=SEEN_AT)
    page.get_by_label("Address or number").fill("nobody@example.org")
    olga.press("Find")
    expect(page.get_by_text("No reader has that address or number.")).to_be_visible()
    olga.look("dashboard-found-nobody", pictured=SEEN_AT)
    page.get_by_label("Address or number").fill("ada@example.org")
    olga.press("Find")
    expect(page.get_by_role("heading", level=1)).to_have_text("ada@example.org")
    assert "ada" not in page.url
    page.get_by_label("Reason to suppress").fill(f"A letter {HOSTILE}")
    olga.press("Suppress")
    expect(page.get_by_text("Suppressed: no mail is sent to this address.")).to_be_visible()
    olga.look("dashboard-reader-suppressed", pictured=SEEN_AT)
    page.get_by_label("Reason to allow mail again").fill(f"Another letter {HOSTILE}")
    olga.press("Lift the suppression")
    expect(page.get_by_text("Lifted. This address can get mail again.")).to_be_visible()
    page.get_by_label("Type the reader’s number").fill("ada@example.org")
    olga.press("Erase for good")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was erased")
    olga.look("dashboard-reader", pictured=SEEN_AT)

    with page.expect_download() as download:
        olga.press("Export")
    assert download.value.suggested_filename.startswith("broadsheet-")
    assert page.evaluate("document.body.dataset.ran") is None
