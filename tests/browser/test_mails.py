"""Every kind of mail as a browser draws it: what axe finds, and whether it can be read in light, dark and inverted."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Route

from tests.support.mail_pictures import LEAST_CONTRAST
from tests.support.pictures import picture
from tests.support.sample_mails import kinds, mail

# Rules for a page, of which a mail is a part: its landmarks are the mail program's.
OF_THE_PAGE_AROUND = {"landmark-one-main", "region"}
KINDS = kinds()

# WCAG 2.5.8: a small link will do where a larger one leads to the same place.
SMALL_TARGETS = """() => {
  const links = [...document.links], height = (link) => link.getBoundingClientRect().height;
  const large = new Set(links.filter((link) => height(link) >= 24).map((link) => link.href));
  return links.filter((link) => !large.has(link.href)).map((link) => link.textContent);
}"""


LINES = """() => document.body.innerText.split("\\n").map((line) => line.replace(/\\s+/g, " ").trim())
  .filter((line) => line)"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_mail_is_accessible_and_readable_and_asks_for_nothing(browser: Browser, kind: str) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 800}, locale="en-GB")
    asked_for: list[str] = []

    def refuse(route: Route) -> None:
        asked_for.append(route.request.url)
        route.abort()

    context.route("**/*", refuse)
    page = context.new_page()
    page.set_content(mail(kind).html, wait_until="load")
    violations, contrast = [], {}
    # of all that axe looks at, only colours differ between the schemes
    for scheme, rules in (("light", None), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme=scheme)
        picture(page, f"mail-{kind}-375-{scheme}")
        violations += Axe().run(page, options=rules).response["violations"]
        contrast[scheme] = page.evaluate(LEAST_CONTRAST)
    small = page.evaluate(SMALL_TARGETS)
    scrolls = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    context.close()
    found = [
        f"{one['id']}: {one['help']}: {node['html'][:160]}"
        for one in violations
        if one["id"] not in OF_THE_PAGE_AROUND
        for node in one["nodes"][:3]
    ]
    assert found == []
    assert min(contrast.values()) >= 4.5, f"of a text to its ground, as drawn and with both inverted: {contrast}"
    assert small == []
    assert not scrolls
    assert asked_for == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_mail_says_the_same_in_the_same_lines_without_its_sheet_and_without_any_style(
    browser: Browser, kind: str
) -> None:
    """As Gmail shows it to other accounts, and about as Word does, for which a link is never a block."""
    styled = re.sub(r'<div style="display:none.*?</div>', "", mail(kind).html, flags=re.S)  # the line for the list
    without_sheet = re.sub("<style>.*?</style>", "", styled, flags=re.S)
    bare = re.sub(r'\bstyle="[^"]*"', "", without_sheet)
    page = browser.new_page(viewport={"width": 600, "height": 800})
    said = []
    for html in (styled, without_sheet, bare):
        page.set_content(html, wait_until="load")
        said.append(page.evaluate(LINES))
    page.set_content(without_sheet, wait_until="load")
    small, contrast = page.evaluate(SMALL_TARGETS), page.evaluate(LEAST_CONTRAST)
    page.close()
    assert len(said[0]) > 5
    assert said[0] == said[1] == said[2]
    assert small == []
    assert contrast >= 4.5


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith(("digest", "nothing"))])
def test_the_way_to_leave_is_seen_without_scrolling(browser: Browser, kind: str) -> None:
    page = browser.new_page(viewport={"width": 375, "height": 667})
    page.set_content(mail(kind).html, wait_until="load")
    link = page.get_by_role("link", name="Unsubscribe", exact=True)
    assert link.is_visible()
    place = link.bounding_box()
    page.close()
    assert place
    assert place["y"] + place["height"] < 100
    assert place["x"] + place["width"] <= 375


def test_axe_and_the_contrast_can_fail(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<html><body style='background:#888'><p style='color:#999'>Grey<img src=''></p></body></html>")
    rules = {one["id"] for one in Axe().run(page).response["violations"]}
    assert page.evaluate(LEAST_CONTRAST) < 4.5
    assert rules >= {"color-contrast", "image-alt", "html-has-lang", "document-title"}
    page.close()
