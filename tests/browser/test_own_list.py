"""A reader's own list in a browser: uploaded, looked at line by line, kept, and taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.http_server import Answer, serve
from tests.support.running_service import wait_for
from tests.support.visitor import Site, Visitor, site_at

BIB = r"""@article{a, title={Lichens of {O}ld Walls: a Slow Survey in {\"O}l and Stone}, year={2020}, doi={10.5555/walls}, abstract={We look.}}
@misc{b, title={海藻森林中的机器人}, year={2022}}
@misc{c, title={روبوتات في غابات الأعشاب البحرية}, year={2023}}
@misc{d, doi={10.5555/nobody-knows-this-one}, year={2019}}
@misc{e, title={%s}, year={2024}}
@book{nameless, author={X}}
@article{broken, title={Open brace, year={2018}
"""


ADDED = """
from django.utils import timezone
from subscriptions import consent
from subscriptions.models import LoginToken
from subscriptions.preferences import Choices
from subscriptions.tokens import new_login_token
now = timezone.now()
reader = consent.add_by_operator({address!r}, Choices(), now=now)
print(new_login_token(LoginToken.Purpose.SIGN_IN, reader, now=now))
"""


def sign_in(visitor: Visitor, site: Site, address: str) -> None:
    """A reader whom the operator added opens a link to sign in."""
    visitor.open("/s/" + site.run(ADDED.format(address=address)).split()[-1])
    with visitor.page.expect_navigation():
        visitor.press("Open my preferences")


def test_a_list_is_seen_before_it_is_kept(visitor: Visitor, site: Site, tmp_path: Any) -> None:
    sign_in(visitor, site, "lichen@example.org")
    page = visitor.page
    known = visitor.open("/").locator(".paper h3 a").first.inner_text()
    file = tmp_path / "my library.bib"
    file.write_text(BIB % known, encoding="utf-8")
    visitor.open("/preferences/list")
    visitor.look("own-list-empty")
    page.get_by_label("Or upload a file").set_input_files(file)
    with page.expect_navigation():
        visitor.press("Read it")
    expect(page.get_by_role("heading", level=1)).to_contain_text("my library.bib")
    expect(page.locator("#known li")).to_have_text([known])
    expect(page.locator("#texts li")).to_have_count(3)
    expect(page.locator("#missing li")).to_have_count(1)
    expect(page.locator("#unread li")).to_have_count(2)
    visitor.look("own-list-draft")
    above, below = (form.bounding_box() for form in page.locator("form.actions").all())
    assert above
    assert below
    assert above["x"] == below["x"]
    with page.expect_navigation():
        page.get_by_role("button", name="Keep 4 works").first.click()
    visitor.look("own-list-kept")
    visitor.follow("my library.bib")
    expect(page.locator(".paper")).to_have_count(4)
    visitor.look("own-list-part")
    with page.expect_navigation():
        page.locator(".paper", has_text=known).get_by_role("button").click()
    expect(page.locator(".paper")).to_have_count(3)

    visitor.open("/preferences/list")
    page.get_by_label("Paste papers, or name a library").fill("https://www.zotero.org/somebody")
    with page.expect_navigation():
        visitor.press("Read it")
    expect(page.get_by_role("alert")).to_contain_text("Zotero knows libraries by number")
    visitor.look("own-list-problem")


SENT = """
from datetime import timedelta
from django.utils import timezone
from digest.delivery import plan
from digest.models import Delivery, Paper, Verdict
from subscriptions import consent
from subscriptions.models import LoginToken
from subscriptions.preferences import Choices, Wish
from subscriptions.tokens import new_login_token
from digest.editions.current_time import current_time
now = current_time(timezone.now())
wishes = (Wish("category", "cs.LG"), Wish("topic", "robotics"), Wish("keyword", "robot"))
reader = consent.add_by_operator({address!r}, Choices(wishes=wishes), now=now)
Verdict.objects.create(subscriber=reader, paper=Paper.objects.order_by("pk")[0], value="more", given_at=now)
plan.plan(now, [reader.pk], issue_date=now.date())
Delivery.objects.filter(subscriber=reader).update(status="accepted", accepted_at=now)
print(new_login_token(LoginToken.Purpose.SIGN_IN, reader, now=timezone.now()))
"""


def test_the_order_of_a_digest_is_shown_number_by_number_and_turned_down(visitor: Visitor, site: Site) -> None:
    visitor.open("/s/" + site.run(SENT.format(address="order@example.org")).split()[-1])
    with visitor.page.expect_navigation():
        visitor.press("Open my preferences")
    page = visitor.page
    visitor.open("/")
    expect(page.locator("mark").first).to_be_visible()
    visitor.look("own-day-marked")
    visitor.open("/preferences/order")
    visitor.look("own-order")
    page.locator("select").first.select_option("0")
    with page.expect_navigation():
        visitor.press("Preview")
    expect(page.locator("select").first).to_have_value("0")
    visitor.look("own-order-preview")
    with page.expect_navigation():
        visitor.press("Save")
    expect(page.get_by_role("status")).to_contain_text("Your next digest follows it")
    expect(page.locator("select").first).to_have_value("0")


def test_a_paper_is_saved_by_one_click_and_listed(visitor: Visitor, site: Site) -> None:
    sign_in(visitor, site, "later@example.org")
    page = visitor.page
    visitor.open("/")
    title = page.locator(".paper h3 a").first.inner_text()
    page.locator(".paper h3 a").first.click()
    with page.expect_navigation():
        page.locator(".own-buttons").get_by_role("button", name="Save").click()
    visitor.open("/saved")
    expect(page.locator(".paper h2")).to_have_text([title])
    with page.expect_navigation():
        visitor.press("Give it an address")
    visitor.look("saved")
    with page.expect_navigation():
        visitor.press("Revoke this address")
    expect(page.get_by_role("status")).to_contain_text("no longer works")


def test_a_worker_reads_a_public_library(browser: Browser, tmp_path: Path) -> None:
    item = {"data": {"itemType": "preprint", "title": "Lichens of Old Walls", "dateAdded": "2025-01-01T00:00:00Z"}}
    page_of_zotero = Answer(json.dumps([item]).encode())
    with (
        serve({"/groups/12345/items/top": page_of_zotero, "/groups/6/items/top": Answer(b"", 403)}) as web,
        site_at(tmp_path / "site", FETCH_LOOPBACK="1", ZOTERO_URL=web.url("")) as site,
        Visitor.with_browser(browser, site) as visitor,
    ):
        sign_in(visitor, site, "group@example.org")
        for number in (12345, 6):
            visitor.open("/preferences/list")
            visitor.page.get_by_label("Paste papers, or name a library").fill(f"zotero.org/groups/{number}/walls")
            with visitor.page.expect_navigation():
                visitor.press("Read it")
        wait_for(lambda: "is private" in visitor.open("/preferences/list").content(), site.service)
        visitor.look("own-list-libraries")
        visitor.follow("See and keep")
        expect(visitor.page.locator("#texts li")).to_have_text(["Lichens of Old Walls"])


def test_the_sign_up_takes_a_list(visitor: Visitor) -> None:
    page = visitor.open("/subscribe")
    page.get_by_text("Papers that you like", exact=True).click()
    page.get_by_label("Papers that you like (optional)").fill("2401.01234")
    visitor.look("sign-up-with-papers")


# Whether the browser would ask before the page is left; as if nothing was changed yet
ASKS = "() => !dispatchEvent(new Event('beforeunload', {cancelable: true}))"
UNTOUCHED = """() => {
  document.activeElement.blur();
  for (const form of document.querySelectorAll("[data-keep]")) delete form.dataset.changed;
  document.querySelector("[data-unsaved]").textContent = "";
}"""


def change(page: Page, control: Locator) -> None:
    """Change a control as somebody does who clicks or types."""
    kind = control.evaluate("control => control.localName === 'input' ? control.type : control.localName")
    if kind in ("checkbox", "radio"):
        control.evaluate("control => control.click()")
    elif kind == "select":
        control.select_option(index=3)
    elif kind == "file":
        control.set_input_files({"name": "a.bib", "mimeType": "text/plain", "buffer": b"@misc{a}"})
    else:
        control.focus()
        page.keyboard.press("ArrowRight") if kind == "range" else page.keyboard.type("7")


@pytest.mark.parametrize(("path", "controls"), [("/preferences", 60), ("/preferences/list", 2)])
def test_no_change_to_any_control_is_lost_in_silence(visitor: Visitor, site: Site, path: str, controls: int) -> None:
    sign_in(visitor, site, f"keeps{controls}@example.org")
    page = visitor.page
    visitor.open(path)
    page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert not page.evaluate(ASKS)
    found = page.locator(
        "[data-keep] :is(input[name]:not([type=hidden], :checked[type=radio]), select, textarea)"
    ).all()
    assert len(found) >= controls
    for control in found:
        change(page, control)
        assert page.evaluate(ASKS), control
        assert page.locator("[data-unsaved]").inner_text(), control
        page.evaluate(UNTOUCHED)
    for search in page.locator("[data-search]").all():
        search.fill("robot")
        assert not page.evaluate(ASKS)  # it only narrows the topics
        search.fill("")
