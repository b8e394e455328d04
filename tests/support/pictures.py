"""Pictures of pages and mails for people to look at. Nothing is asserted of them, so they are taken only when asked for."""

from __future__ import annotations

import os

from playwright.sync_api import Page

from tests.support.paths import ROOT

PICTURES = ROOT / "var" / "pictures"


def picture(page: Page, name: str) -> None:
    """Keep a picture of the whole page under ``var/pictures``, if TAKE_PICTURES=1 says so."""
    if os.environ.get("TAKE_PICTURES") != "1":
        return
    path = PICTURES / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, full_page=True, animations="disabled")
