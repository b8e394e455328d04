"""A morning at the desk in a real browser: paused in time, resumed, a reader looked after; nothing hostile runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from playwright.sync_api import Browser, expect

from tests.services import free_port
from tests.serving import wait_for
from tests.visiting import Site, Visitor, site_at

SEEN_AT = (768, 1280)
HOSTILE = "<img src=x onerror=\"document.body.dataset.ran='yes'\"><script>document.body.dataset.ran='yes'</script>"

# Olga, who may do all, has just proved who she is: signing in has tests of its own.
OLGA = """
from digest.desk.roles import Role
from tests.staff import one_of_the_staff, signed_in
print(signed_in(one_of_the_staff(Role.OWNER, name="olga")).session.session_key)
"""
# Ada reads arXiv's machine learning and is due now; it is about noon where she lives, so midnight is far.
ADA = """
from datetime import UTC, datetime
from tests.factories import reader
now = datetime.now(UTC)
ahead = 12 - now.hour
reader("ada", wants={{"category": ["cs.LG"], "keyword": [{hostile!r}]}},
       zone=f"Etc/GMT{{-ahead:+}}" if ahead else "UTC", next_send_at=now)
"""
STATUSES = "from digest.models import Delivery; print(*Delivery.objects.values_list('status', flat=True))"


class Sink:
    """A mail server that takes what comes."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken += envelope.rcpt_tos
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
        tmp_path_factory.mktemp("desk"),
        SITE_URL="http://papers.example.org",
        MAIL_PROVIDER="smtp",
        SMTP_URL=f"smtp://127.0.0.1:{sink[1]}",
        DEFAULT_FROM_EMAIL="Broadsheet <digest@papers.example.org>",
        POSTAL_ADDRESS="4 Harbour Street, 20457 Hamburg, Germany",
    ) as site:
        yield site


@pytest.fixture
def olga(browser: Browser, mailing_site: Site) -> Iterator[Visitor]:
    key = mailing_site.run(OLGA).strip().splitlines()[-1]
    with Visitor.with_browser(browser, mailing_site) as visitor:
        visitor.context.add_cookies([{"name": "visit", "value": key, "url": mailing_site.url}])
        yield visitor


def test_a_morning_at_the_desk(olga: Visitor, mailing_site: Site, sink: tuple[Sink, int]) -> None:
    page, taken = olga.page, sink[0].taken

    # Paused, before anything is due
    olga.open("/desk/deliveries")
    olga.look("desk-deliveries-running", pictured=SEEN_AT)
    page.get_by_label("Why").fill(f"The subject is wrong {HOSTILE}")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Paused by olga since")).to_be_visible()

    # A real run meanwhile: planned, and nothing leaves
    mailing_site.run(ADA.format(hostile=HOSTILE[:190]))
    wait_for(lambda: mailing_site.run(STATUSES).split() == ["ready"], mailing_site.service)
    time.sleep(4)  # some ticks
    assert taken == []
    mailing_site.run(
        "from digest.models import Paper; from django.db.models import F, Value; from django.db.models.functions import "
        f"Concat; Paper.objects.update(title=Concat(F('title'), Value({HOSTILE!r})))"
    )
    olga.open("/desk/deliveries")
    expect(page.get_by_text("1 digest waits and cannot leave now.")).to_be_visible()
    olga.look("desk-deliveries-paused", pictured=SEEN_AT)

    # Resumed: the mail arrives, once
    olga.press("Resume")
    expect(page.get_by_text("Digests leave again, from the next minute on.")).to_be_visible()
    wait_for(lambda: mailing_site.run(STATUSES).split() == ["accepted"], mailing_site.service)
    time.sleep(3)
    assert taken == ["ada@example.org"]
    olga.open("/desk/deliveries")
    expect(page.get_by_text("All is well: 1 digest left")).to_be_visible()

    # Its story, and why its papers were chosen
    olga.follow("See each digest of this day")
    olga.look("desk-list", pictured=SEEN_AT)
    page.locator("tbody th a").first.click()
    expect(page.get_by_text("Taken by the mail provider")).to_be_visible()
    page.locator("summary", has_text="Score").first.click()
    olga.look("desk-digest", pictured=SEEN_AT)

    # Ada, found by her address, suppressed and written to again
    olga.follow("Readers")
    olga.look("desk-readers", pictured=SEEN_AT)
    page.get_by_label("Address or number").fill("nobody@example.org")
    olga.press("Find")
    expect(page.get_by_text("Nobody is known by that address or number.")).to_be_visible()
    olga.look("desk-found-nobody", pictured=SEEN_AT)
    page.get_by_label("Address or number").fill("ada@example.org")
    olga.press("Find")
    expect(page.get_by_role("heading", level=1)).to_have_text("ada@example.org")
    assert "ada" not in page.url
    page.get_by_label("Why no mail may go there").fill(f"A letter {HOSTILE}")
    olga.press("Suppress")
    expect(page.get_by_text("Suppressed: no mail goes to this address, whoever asks for it.")).to_be_visible()
    olga.look("desk-reader-suppressed", pictured=SEEN_AT)
    page.get_by_label("Why mail may go there again").fill(f"Another letter {HOSTILE}")
    olga.press("Lift the suppression")
    expect(page.get_by_text("Lifted: mail may go to this address again.")).to_be_visible()
    page.get_by_label("Type the reader’s number").fill("ada@example.org")
    olga.press("Erase for good")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was erased")
    olga.look("desk-reader", pictured=SEEN_AT)

    with page.expect_download() as download:
        olga.press("Export")
    assert download.value.suggested_filename.startswith("broadsheet-")
    assert page.evaluate("document.body.dataset.ran") is None
