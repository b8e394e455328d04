"""A curator in a real browser: a feed is seen, kept, read, switched off; a topic's change is seen before it is saved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Dialog, expect

from tests.support.factories import rss
from tests.support.http_server import Answer, serve
from tests.support.visitor import Site, Visitor, site_at

WIDE = 1280, 768
HOSTILE = "&lt;script&gt;alert(1)&lt;/script&gt; Whales &amp;lt;img src=x onerror=alert(2)&amp;gt; in a quiet sea"
PAGE = b'<!doctype html><link rel="alternate" type="application/rss+xml" href="/feed" title="News of the sea">'
A_CURATOR = """
from digest.dashboard.auth.roles import Role
from digest.models import Paper
from tests.support.staff import one_of_the_staff, signed_in
Paper.objects.filter(pk=Paper.objects.latest("pk").pk).update(title="<img src=x onerror=alert(3)> <script>alert(4)</script>")
print(signed_in(one_of_the_staff(Role.CURATOR, first_name="Cleo")).cookies["visit"].value)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service whose sources may lie on this machine."""
    with site_at(tmp_path_factory.mktemp("dashboard"), FETCH_LOOPBACK="1") as site:
        yield site


@pytest.fixture(scope="module")
def key(site: Site) -> str:
    return site.run(A_CURATOR).strip()


@pytest.fixture
def cleo(browser: Browser, site: Site, key: str) -> Iterator[Visitor]:
    """A curator who is signed in, and whose browser runs no script that a title holds."""
    with Visitor.with_browser(browser, site) as visitor:
        visitor.context.add_cookies([{"name": "visit", "value": key, "url": site.url}])

        def ran(dialog: Dialog) -> None:
            visitor.wrong.append(f"a title ran as a script: {dialog.message}")
            dialog.dismiss()

        visitor.page.on("dialog", ran)
        yield visitor


def test_a_feed_is_seen_kept_read_and_switched_off(cleo: Visitor) -> None:
    page = cleo.page
    with serve({"/": Answer(PAGE), "/feed": Answer(rss("On $\\alpha$ helices", HOSTILE, ""))}) as web:
        cleo.open("/dashboard/sources")
        cleo.look("dashboard-sources", pictured=WIDE)

        page.get_by_label("Address of a feed").fill("http://10.0.0.1/feed")
        cleo.press("Look at it")
        expect(page.get_by_role("alert")).to_contain_text("private network")

        page.get_by_label("Address of a feed").fill(web.url("/"))
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("web page, not a feed")
        cleo.look("dashboard-sources-wrong", pictured=WIDE)

        cleo.press("Look at “News of the sea”")
        expect(page.get_by_role("heading", name="On α helices")).to_be_visible()
        expect(page.get_by_role("heading", name="Whales")).to_be_visible()
        expect(page.get_by_text("no title")).to_be_visible()
        cleo.look("dashboard-new-source", pictured=WIDE)
        page.get_by_label("Name").fill("Sea <script>alert(5)</script>")
        cleo.press("Add this source")
        expect(page.get_by_role("status")).to_contain_text("is added")

        cleo.press("Read now")
        expect(page.get_by_role("status")).to_contain_text(
            "Read 2 papers"
        )  # or the worker was quicker, and none is new
        expect(page.get_by_role("heading", name="On α helices")).to_be_visible()
        cleo.look("dashboard-source", pictured=WIDE)
        cleo.press("Switch off")
        expect(page.get_by_role("status")).to_contain_text("what it brought stays")
        cleo.open("/dashboard/sources")
        expect(page.locator(".fare", has_text="Sea <script>")).to_contain_text("off")


def test_a_change_of_a_topic_is_seen_before_it_is_saved(cleo: Visitor) -> None:
    page = cleo.page
    cleo.open("/dashboard/topics")
    cleo.look("dashboard-topics", pictured=WIDE)
    cleo.follow("Robotics")
    cleo.look("dashboard-topic", pictured=WIDE)
    page.get_by_label("Categories").fill("cs.CL, cs.CV")
    cleo.press("See what would change")
    expect(page.get_by_role("heading", name="Added")).to_be_visible()
    expect(page.get_by_role("heading", name="Removed")).to_be_visible()
    cleo.look("dashboard-topic-change", pictured=WIDE)
    assert page.get_by_label("Categories").input_value().split() == ["cs.CL,", "cs.CV"]
    cleo.press("Save this change")
    expect(page.get_by_role("status")).to_contain_text("Saved")
    expect(page.locator(".lines")).to_contain_text("categories removed: cs.RO")

    page.get_by_label("Name", exact=True).fill("")
    cleo.press("Save")
    expect(page.get_by_role("alert")).to_contain_text("Write a name")
    cleo.look("dashboard-topic-wrong", pictured=WIDE)


def test_the_pages_can_be_used_with_the_keyboard_alone(cleo: Visitor) -> None:
    page = cleo.page
    cleo.open("/dashboard/topics")
    page.get_by_role("link", name="Vision", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Vision")
    page.get_by_label("Keywords").focus()
    page.keyboard.press("End")
    page.keyboard.type("\nwhale")
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="See what would change")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What would change")).to_be_visible()
