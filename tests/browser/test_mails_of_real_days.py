"""The digest of two recorded days, in phone and desktop widths, light, dark and without styles; kept to be looked at."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.mail_pictures import look
from tests.support.services import Installation

DAYS = {
    "2026-01-30": ["hf-daily-2026-01-30-later.json", "arxiv-rss2-cs.LG-2026-01-30.xml"],  # with votes
    "2016-02-29": [f"arxiv-rss2-{name}-2016-02-29.xml" for name in ("cs.LG", "cs.CV", "cs.CL", "math.OC", "stat.ML")],
}


@pytest.fixture(scope="module", params=DAYS)
def mail(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, data: Path) -> tuple[str, str]:
    """The day and the HTML of its longest digest."""
    files = [data / "feeds" / name for name in DAYS[request.param]]
    installation = Installation.at(tmp_path_factory.mktemp("day"), BROADSHEET_MODE="rehearsal")
    installation.prepare()
    installation.run("manage.py", "digest", "--from", *map(str, files))
    sent = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in installation.mails()]
    parts = [found.get_content() for one in sent if (found := one.get_body(("html",)))]
    return request.param, max(parts, key=len)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 600])
def test_a_real_day_fits_and_can_be_read(browser: Browser, mail: tuple[str, str], width: int, scheme: str) -> None:
    day, html = mail

    scrolls, contrast, small = look(browser, html, f"day-{day}-{width}-{scheme}", width=width, scheme=scheme)

    assert not scrolls
    assert contrast >= 4.5
    assert small == []


@pytest.mark.parametrize("width", [375, 600])
def test_a_real_day_can_be_read_without_any_style(browser: Browser, mail: tuple[str, str], width: int) -> None:
    day, html = mail
    bare = re.sub(r'<style>.*?</style>|\bstyle="[^"]*"', "", html, flags=re.S)

    _, contrast, _ = look(browser, bare, f"day-{day}-{width}-no-styles", width=width)

    assert "style=" not in bare
    assert contrast >= 4.5
