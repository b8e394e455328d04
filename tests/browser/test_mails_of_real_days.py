"""The digest of two recorded days, in phone and desktop widths, light, dark and without styles; kept to be looked at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.mail_outline import Outline
from tests.support.mail_pictures import look
from tests.support.pictures import picture
from tests.support.services import Installation

DAYS = {
    "2026-01-30": ["hf-daily-2026-01-30-later.json", "arxiv-rss2-cs.LG-2026-01-30.xml"],  # with votes
    "2016-02-29": [f"arxiv-rss2-{name}-2016-02-29.xml" for name in ("cs.LG", "cs.CV", "cs.CL", "math.OC", "stat.ML")],
}
SCREEN = 800  # pixels
SCREENS = 5  # of ten papers on a telephone
TERMINAL = "<pre style='font:14px/18px monospace;width:80ch;white-space:pre-wrap;margin:16px'>{text}</pre>"


@dataclass(frozen=True, slots=True)
class Sent:
    """A digest as it left: the day, and the HTML and the text of its mail."""

    day: str
    html: str
    text: str


@pytest.fixture(scope="module", params=DAYS)
def mail(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, data: Path) -> Sent:
    """The longest digest of a day."""
    files = [data / "feeds" / name for name in DAYS[request.param]]
    installation = Installation.at(tmp_path_factory.mktemp("day"), BROADSHEET_MODE="rehearsal")
    installation.prepare()
    installation.run("manage.py", "digest", "--from", *map(str, files))
    sent = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in installation.mails()]
    longest = max((one for one in sent if one.get_body(("html",))), key=lambda one: len(_part(one, "html")))
    return Sent(request.param, _part(longest, "html"), _part(longest, "plain"))


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return str(part.get_content()) if part else ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 640])
def test_a_real_day_fits_and_can_be_read(browser: Browser, mail: Sent, width: int, scheme: str) -> None:
    scrolls, contrast, small = look(browser, mail.html, f"day-{mail.day}-{width}-{scheme}", width=width, scheme=scheme)

    assert not scrolls
    assert contrast >= 4.5
    assert small == []


@pytest.mark.parametrize("width", [375, 640])
def test_a_real_day_can_be_read_without_any_style(browser: Browser, mail: Sent, width: int) -> None:
    bare = re.sub(r'<style>.*?</style>|\bstyle="[^"]*"', "", mail.html, flags=re.S)

    _, contrast, _ = look(browser, bare, f"day-{mail.day}-{width}-no-styles", width=width)

    assert "style=" not in bare
    assert contrast >= 4.5


def test_ten_papers_take_at_most_five_screens_of_a_telephone(browser: Browser, mail: Sent) -> None:
    page = browser.new_page(viewport={"width": 375, "height": SCREEN})
    page.set_content(mail.html, wait_until="load")
    height = page.evaluate("document.documentElement.scrollHeight")
    page.close()

    assert len(Outline(mail.html).titles()) == 10
    assert height <= SCREENS * SCREEN


def test_the_text_of_a_real_day_fits_a_terminal(browser: Browser, mail: Sent) -> None:
    page = browser.new_page(viewport={"width": 740, "height": SCREEN})
    page.set_content(TERMINAL.format(text=escape(mail.text)), wait_until="load")
    picture(page, f"day-{mail.day}-text")
    page.close()

    assert [line for line in mail.text.splitlines() if len(line) > 80] == []
