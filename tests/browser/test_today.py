"""A curator's morning in a real browser: pick by mouse and by keyboard, take back, preview; and nothing hostile runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.support.visitor import Site, Visitor

WIDTHS = 768, 1280  # of a dashboard

# A curator who signed in a moment ago, a reader, and a paper whose every word is hostile on top of the day.
MORNING = """
from django.conf import settings
from django.utils import timezone
from digest.editions import open_edition
from digest.ingest import store
from digest.dashboard.auth.roles import Role
from digest.models import Edition, EditionPaper, Paper
from tests.support.factories import entry, feed, reader
from tests.support.staff import one_of_the_staff, signed_in
now = timezone.now()
bad = '"><svg onload=alert(1)><script>alert(2)</script><img src=x onerror=alert(3)>'
hostile = entry(99999, title="Hostile " + bad, authors=("Name " + bad,), categories=("cs.LG", "x" + bad), announced_on=now.date())
shown = feed(hostile, name="Source " + bad, url="https://hostile.example.org/rss")
store.store(store.source_named_in(shown, "hostile"), shown, now=now)
(one,) = open_edition.candidates([Paper.objects.get(identifier="arxiv:2603.99999")], now=now)
row = one.for_edition(Edition.objects.first())
row.trending = 1e6
row.save()
one = reader("hester", wants={"category": ["cs.LG", "cs.CL"]}, next_send_at=now + timezone.timedelta(days=1))
cleo = one_of_the_staff(Role.CURATOR, Role.SENDER, Role.PRIVACY, name="cleo", first_name="Cleo", last_name="<script>alert(4)</script>")
print(signed_in(cleo).cookies[settings.SESSION_COOKIE_NAME].value, one.public_id, settings.SESSION_COOKIE_NAME)
"""


@pytest.fixture(scope="module")
def morning(site: Site) -> tuple[str, str, str]:
    session, reader, cookie = site.run(MORNING).split()
    return session, reader, cookie


@pytest.fixture
def curator(browser: Browser, site: Site, morning: tuple[str, str, str]) -> Iterator[Visitor]:
    """Cleo, for whom no page may run what others wrote, break its policy, or ask another host for anything."""
    with Visitor.with_browser(browser, site) as visitor:
        visitor.context.add_cookies([{"name": morning[2], "value": morning[0], "url": site.url}])
        visitor.page.on("dialog", lambda dialog: (visitor.wrong.append(f"ran: {dialog.message}"), dialog.dismiss()))
        yield visitor


def test_picks_by_mouse_and_by_keyboard_are_taken_told_and_taken_back(curator: Visitor) -> None:
    page = curator.page
    curator.open("/dashboard/")
    curator.look("dashboard-today", pictured=WIDTHS)
    first, second = page.locator("[data-paper]").nth(1), page.locator("[data-paper]").nth(2)
    title = first.get_by_role("heading").inner_text()
    other = second.get_by_role("heading").inner_text()

    # By mouse, with a note
    first.locator("details.judge > summary").click()
    first.get_by_label("Note").fill("Read <b>this</b> one first.")
    first.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Picked for")
    expect(page.get_by_role("status").first).to_contain_text("This affects")
    expect(first).to_contain_text("Read <b>this</b> one first.")
    expect(page.locator("#who-did-what + ul")).to_contain_text(title[:40])

    # By keyboard alone: to the third paper, its form, a note, Save
    curator.open("/dashboard/")
    for key in ("j", "j", "j"):
        page.keyboard.press(key)
    expect(second).to_be_focused()
    page.keyboard.press("h")
    expect(second.get_by_role("radio", name="Hide")).to_be_checked()
    page.keyboard.press("Escape")
    page.keyboard.type("hjkpbu?")  # letters within a field are letters
    expect(second.get_by_label("Note")).to_have_value("hjkpbu?")
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.tagName") != "BUTTON":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Hidden for")
    expect(second).to_contain_text("hjkpbu?")
    expect(page.locator("#who-did-what + ul")).to_have_css("text-decoration-line", "none")  # text, no link
    curator.look("dashboard-today-judged", pictured=WIDTHS)

    # Taken back by keyboard, too
    second.focus()
    page.keyboard.press("u")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Removed for")
    expect(second).not_to_contain_text("hjkpbu?")
    assert other == second.get_by_role("heading").inner_text()

    # Single keys can be switched off, and stay so
    page.get_by_label("Single-key shortcuts").uncheck()
    curator.open("/dashboard/")
    expect(page.get_by_label("Single-key shortcuts")).not_to_be_checked()
    page.keyboard.press("j")
    expect(page.locator("[data-paper]:focus")).to_have_count(0)
    page.get_by_label("Single-key shortcuts").check()


def test_what_is_wrong_and_what_came_too_late_are_said_with_what_was_typed(curator: Visitor) -> None:
    page = curator.page
    curator.open("/dashboard/")
    third = page.locator("[data-paper]").nth(4)
    third.locator("details.judge > summary").click()
    third.get_by_role("radio", name="Hide").check()
    third.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Give a reason")
    curator.look("dashboard-paper-refused", pictured=WIDTHS)
    stale = page.locator("[name=seen]").last.input_value()
    page.get_by_label("Note").fill("A copy of another paper.")
    curator.press("Save")
    expect(page.get_by_role("status").first).to_contain_text("Hidden for")

    address = page.locator("[data-paper]").nth(4).locator("form.judging").get_attribute("action")
    curator.open(address or "")
    page.locator("form.judging [name=seen]").evaluate("(field, value) => { field.value = value }", stale)
    page.get_by_label("Note").fill("My word.")
    curator.press("Save")
    expect(page.get_by_role("alert")).to_contain_text("Not saved: somebody else changed it")
    expect(page.get_by_role("alert")).to_contain_text("A copy of another paper.")
    expect(page.get_by_label("Note")).to_have_value("My word.")
    curator.look("dashboard-paper-changed", pictured=WIDTHS)


def test_a_paper_that_is_no_candidate_is_found_and_picked_for_a_day_to_come(curator: Visitor, site: Site) -> None:
    page = curator.page
    number = site.run(
        "from digest.models import Paper, Edition\n"
        "print(Paper.objects.exclude(candidacies__edition=Edition.objects.first()).first().identifier)"
    ).strip()
    curator.open("/dashboard/")
    page.get_by_label("Title, number or link").fill(number)
    page.keyboard.press("Enter")
    page.locator("section[aria-labelledby=any-paper] h3 a").click()
    page.get_by_label("For the edition of").evaluate(
        "field => { const day = new Date(Date.now() + 3 * 864e5); field.value = day.toISOString().slice(0, 10) }"
    )
    page.get_by_label("Note").fill("For later.")
    curator.press("Save")
    expect(page.locator("#to-come + ul")).to_contain_text("For later.")


def test_a_preview_shows_a_readers_digest_in_a_frame_that_runs_nothing(
    curator: Visitor, morning: tuple[str, str, str]
) -> None:
    page = curator.page
    curator.open("/dashboard/preview")
    curator.look("dashboard-preview", pictured=WIDTHS)
    page.get_by_label("Reader’s number").fill(morning[1])
    page.get_by_role("button", name="Show", exact=True).click()
    frame = page.frame_locator("iframe.mail")
    expect(frame.get_by_role("heading", level=1)).to_be_visible()
    expect(frame.locator("a[href]")).to_have_count(0)
    curator.look("dashboard-preview-reader", pictured=WIDTHS)
    for name in ("375 px (phone)", "Dark", "Text", "Source", "Reasons"):
        curator.follow(name)
        page.wait_for_load_state()
        if name not in ("375 px (phone)", "Dark"):
            curator.look(f"dashboard-preview-{name.lower().replace(' ', '-')}", pictured=WIDTHS)
    curator.press("Send a test mail")
    expect(page.get_by_role("status").first).to_contain_text("Sent a test mail to cleo@dashboard.example.org.")
    assert str(curator.mail("cleo@dashboard.example.org")["Subject"]).startswith("[PREVIEW] ")

    curator.open("/dashboard/preview")
    page.get_by_label("Keywords").fill("language model")
    curator.press("Show the digest")
    expect(page.frame_locator("iframe.mail").get_by_role("heading", level=1)).to_be_visible()


def test_nothing_that_others_wrote_runs_on_any_page_or_in_the_preview(
    curator: Visitor, morning: tuple[str, str, str]
) -> None:
    page: Any = curator.page
    curator.open("/dashboard/?words=Hostile")
    hostile = page.locator("[data-paper]").first
    expect(hostile).to_contain_text("Hostile")
    expect(hostile).to_contain_text("<script>alert(2)</script>")
    hostile.locator("details.judge > summary").click()
    hostile.get_by_label("Note").fill('"><svg onload=alert(5)><script>alert(6)</script><img src=x onerror=alert(7)>')
    hostile.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Picked for")
    address = page.locator("[data-paper]").first.locator("form.judging").get_attribute("action")
    pages = ["/dashboard/", "/dashboard/?find=hostile", address, f"/dashboard/preview?reader={morning[1]}"]
    pages += [f"/dashboard/preview?reader={morning[1]}&show={show}" for show in ("text", "source", "why")]
    for one in [*pages, f"/dashboard/preview/mail?reader={morning[1]}"]:
        curator.open(one)
        page.wait_for_timeout(200)
        assert page.locator("svg[onload], img[onerror], script:not([src])").count() == 0, one
    curator.open(f"/dashboard/preview?reader={morning[1]}")
    frame = page.frame_locator("iframe.mail")
    expect(frame.locator("body")).to_contain_text('"><svg onload=alert(1)>')
    expect(frame.locator("body")).to_contain_text("<script>alert(6)</script>")
    assert frame.locator("svg, script, img[onerror]").count() == 0


def test_the_frame_of_a_preview_is_there_once_it_is_asked_for(curator: Visitor) -> None:
    page = curator.page
    curator.open("/dashboard/announcements")
    expect(page.locator("iframe.mail")).to_be_hidden()
    page.get_by_label("Subject").fill("A workshop")
    page.get_by_label("Text").fill("Come on *Friday*.")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("iframe.mail")).to_be_visible()
    light = page.frame_locator("iframe.mail").frame_locator("iframe").first
    expect(light.get_by_role("heading", level=1)).to_have_text("A workshop")
