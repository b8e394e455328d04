"""Every kind of mail as a browser draws it: what axe finds, and whether it can be read in light, dark and inverted."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Route

from tests.browser.test_mail_pictures import LEAST_CONTRAST, PICTURES
from tests.mails.mails import mails

# Rules for a page, of which a mail is a part: its landmarks are the mail program's.
OF_THE_PAGE_AROUND = {"landmark-one-main", "region"}
KINDS = sorted(mails())

# WCAG 2.5.8: a small link will do where a larger one leads to the same place.
SMALL_TARGETS = """() => {
  const links = [...document.links], height = (link) => link.getBoundingClientRect().height;
  const large = new Set(links.filter((link) => height(link) >= 24).map((link) => link.href));
  return links.filter((link) => !large.has(link.href)).map((link) => link.textContent);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_mail_is_accessible_and_readable_and_asks_for_nothing(browser: Browser, kind: str, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 800}, color_scheme=scheme, locale="en-GB")
    asked_for: list[str] = []

    def refuse(route: Route) -> None:
        asked_for.append(route.request.url)
        route.abort()

    context.route("**/*", refuse)
    page = context.new_page()
    page.set_content(mails()[kind].html, wait_until="load")
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"mail-{kind}-375-{scheme}.png", full_page=True, animations="disabled")
    contrast, small = page.evaluate(LEAST_CONTRAST), page.evaluate(SMALL_TARGETS)
    scrolls = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    violations = Axe().run(page).response["violations"]
    context.close()
    found = [
        f"{one['id']}: {one['help']}: {node['html'][:160]}"
        for one in violations
        if one["id"] not in OF_THE_PAGE_AROUND
        for node in one["nodes"][:3]
    ]
    assert found == []
    assert contrast >= 4.5, "of a text to its ground, as drawn and with both inverted"
    assert small == []
    assert not scrolls
    assert asked_for == []


def test_axe_and_the_contrast_can_fail(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<html><body style='background:#888'><p style='color:#999'>Grey<img src=''></p></body></html>")
    rules = {one["id"] for one in Axe().run(page).response["violations"]}
    assert page.evaluate(LEAST_CONTRAST) < 4.5
    assert rules >= {"color-contrast", "image-alt", "html-has-lang", "document-title"}
    page.close()
