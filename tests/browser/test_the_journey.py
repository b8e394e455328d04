"""From the first visit to the last: a reader's whole way through the pages and mails, in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support.pictures import picture
from tests.support.visitor import Site, Visitor, link, links


def preview(visitor: Visitor) -> list[str]:
    """The titles that the preview shows, once it is drawn."""
    visitor.page.locator("#beside.htmx-request, #choices.htmx-request").wait_for(state="detached")
    return visitor.page.locator("#preview h3").all_inner_texts()


def redrawn(visitor: Visitor) -> object:
    return visitor.page.expect_response(lambda answer: answer.url.endswith("/preview") and answer.ok)


def test_a_reader_finds_it_signs_up_tunes_it_and_leaves(visitor: Visitor, site: Site) -> None:
    page, ada = visitor.page, "ada.okafor@readers.example"

    # The home page, day by day, and the search
    visitor.open("/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Papers of")
    visitor.look("home")
    with page.expect_navigation():
        page.locator("nav.days a").first.click()
    visitor.look("day")
    page.locator("[type=search]").first.fill("language model")
    page.keyboard.press("Enter")
    page.wait_for_url("**/papers/?**")
    expect(page.locator(".paper").first).to_be_visible()
    visitor.look("search")

    # The form, with a preview that follows
    visitor.open("/")
    with redrawn(visitor):
        page.get_by_role("link", name="Choose topics first").click()
    visitor.look("sign-up-empty")
    unchosen = preview(visitor)
    page.get_by_label("Find a topic").first.fill("robot")
    shown = page.locator("#id_topics .pick:visible")
    expect(shown.filter(has_text="Robotics")).to_have_count(1)
    assert shown.count() < 5
    with redrawn(visitor):
        page.get_by_role("checkbox", name="Robotics").check()
    page.get_by_label("Find a topic").first.fill("")
    with redrawn(visitor):
        page.get_by_label("Keywords").fill("reinforcement learning, grasping")
        page.keyboard.press("Tab")
    page.wait_for_timeout(1_000)
    chosen = preview(visitor)
    assert chosen
    assert chosen != unchosen
    assert page.locator("#id_zone").input_value() == "Europe/Berlin"
    visitor.look("sign-up")

    # A form filled wrongly keeps what was typed
    page.locator("form [name=email]").fill("ada.okafor@localhost")
    visitor.press("Subscribe")
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.locator("form [name=email]").input_value() == "ada.okafor@localhost"
    assert "grasping" in page.get_by_label("Keywords").input_value()
    assert page.get_by_label("Robotics").first.is_checked()
    expect(page.locator("form [name=email]")).to_be_focused()  # the error is where the page is
    expect(page.locator("form [name=email]")).to_be_in_viewport()
    visitor.look("sign-up-wrong")
    page.locator("form [name=email]").fill(ada)
    visitor.press("Subscribe")
    page.wait_for_url("**/subscribe/sent")
    visitor.look("sign-up-sent")

    # Confirmation, and the first digest
    visitor.open(link(visitor.mail(ada), "/c/"))
    visitor.look("confirm")
    visitor.press("Confirm my subscription")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are subscribed")
    visitor.look("confirmed")
    digest = visitor.mail(ada, after=1)
    assert digest["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    visitor.open(link(site.mails_to(ada)[0], "/c/"))
    visitor.look("confirmed-already")

    # Preferences by magic link
    visitor.open("/preferences")
    visitor.press("Sign out")
    visitor.open(link(digest, "/p/"))
    visitor.look("ask-for-link")
    visitor.press("E-mail me a sign-in link")
    visitor.look("sign-in-sent")
    visitor.open(link(visitor.mail(ada, after=2), "/s/"))
    visitor.look("magic-link")
    with redrawn(visitor):
        visitor.press("Open my preferences")
    page.wait_for_url("**/preferences")
    visitor.look("preferences")
    visitor.unfold("Days and hour")
    with redrawn(visitor):
        page.locator("#id_send_hour").select_option("9")
    preview(visitor)
    page.wait_for_timeout(300)
    expect(page.get_by_text("Your changes are not saved yet.")).to_be_in_viewport()
    visitor.look("preferences-changed")
    with redrawn(visitor):
        visitor.press("Save my choices")
    expect(page.get_by_text("Your choices are saved.")).to_be_visible()
    expect(page.locator(".lead")).to_contain_text("at 09:00 (Berlin time)")

    # A pause, and its end
    visitor.unfold("Pause")
    visitor.press("Pause for two weeks")
    expect(page.locator(".lead")).to_contain_text("paused until")
    visitor.look("paused")
    visitor.press("End the pause now")
    expect(page.get_by_text("Your digest is no longer paused.")).to_be_visible()
    visitor.open("/preferences/receipts")
    expect(page.get_by_role("main")).to_contain_text("Sent.")
    visitor.look("receipts")
    page.get_by_role("main").locator("a[href^='/d/']").click()
    assert page.url in links(digest)
    expect(page.get_by_role("heading", level=3).first).to_be_visible()
    visitor.look("web-copy")
    assert "okafor" not in page.content().lower()

    # More, less and mute from the mail, each to be taken back
    feedback = {
        wish: next(one for one in links(digest) if one.endswith(f"/1/{wish}")) for wish in ("more", "less", "mute")
    }
    visitor.open(feedback["more"])
    visitor.look("more")
    page.locator("main form button:not([value=undo])").first.click()
    expect(page.locator("button[value=undo]")).to_be_visible()
    visitor.look("more-done")
    visitor.open("/preferences/verdicts")
    visitor.look("verdicts")
    visitor.open(feedback["less"])
    page.locator("main form button:not([value=undo])").first.click()
    page.locator("button[value=undo]").click()
    visitor.look("less-undone")
    visitor.open(feedback["mute"])
    visitor.look("mute")
    page.locator("main [type=checkbox]").first.check()
    page.locator("main form button:not([value=undo])").first.click()
    visitor.look("mute-done")
    page.locator("button[value=undo]").click()
    visitor.look("mute-undone")

    # Another address
    new = "ada@okafor.example"
    site.let_time_pass()
    visitor.open("/preferences")
    visitor.unfold("Address")
    page.get_by_label("New address").fill(new)
    visitor.press("Send a link to it")
    expect(page.locator("strong").filter(has_text="we have sent it a mail with a link")).to_be_visible()
    visitor.open(link(visitor.mail(new), "/a/"))
    visitor.look("change-address")
    page.locator("main form button").click()
    visitor.look("address-changed")

    # Everything that is kept, as a file
    site.let_time_pass()
    visitor.open("/sign-in")
    visitor.look("sign-in")
    page.locator("form [name=email]").fill(new)
    visitor.press("E-mail me a sign-in link")
    visitor.open(link(visitor.mail(new, after=1), "/s/"))
    visitor.press("Open my preferences")
    page.wait_for_url("**/preferences")
    visitor.unfold("Your data")
    with page.expect_download() as download:
        visitor.follow("Export my data")
    kept = json.loads(Path(download.value.path()).read_text())
    assert new in json.dumps(kept)
    assert "grasping" in json.dumps(kept)

    # Leaving, and only then the offers
    visitor.open(link(digest, "/u/"))
    assert page.get_by_role("button", name="Get one digest a week instead").count() == 0
    visitor.look("unsubscribe")
    visitor.press("Unsubscribe")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
    visitor.look("unsubscribed")
    visitor.press("Get one digest a week instead")
    visitor.look("weekly-instead")
    visitor.press("Unsubscribe after all")

    # Erasure
    visitor.open("/preferences/erase")
    if "sign-in" in page.url:  # leaving ended the visit
        site.let_time_pass()
        page.locator("form [name=email]").fill(new)
        visitor.press("E-mail me a sign-in link")
        visitor.open(link(visitor.mail(new, after=2), "/s/"))
        visitor.press("Open my preferences")
        visitor.open("/preferences/erase")
    visitor.look("erase")
    page.get_by_role("checkbox").check()
    page.locator("main form button").click()
    visitor.look("erased")
    left = site.run(f"""
from subscriptions.models import Subscriber, Preference
print(Subscriber.objects.filter(email__in={[ada, new]!r}).count(), Preference.objects.count())
""")
    assert left.split()[0] == "0"
    visitor.open(link(digest, "/d/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("This link does not work")
    visitor.open("/nowhere")
    visitor.look("not-found")
    assert_log_is_discreet(site, ada, new)


def assert_log_is_discreet(site: Site, *addresses: str) -> None:
    """No address and no link of anybody's stands in what the service said."""
    said = site.service.log.read_text()
    for address in addresses:
        assert address not in said
        secrets = {
            token
            for mail in site.mails_to(address)
            for token in re.findall(r"/[a-z]/([\w-]{16,})", "\n".join(links(mail)))
        }
        assert secrets
        for token in secrets:
            assert token not in said
    assert "Traceback" not in said


# The core of it, in other circumstances ------------------------------------------------------------------------------


def core(visitor: Visitor, address: str) -> None:
    """Choose, sign up, confirm, get the digest, change the hour, leave."""
    page = visitor.page
    visitor.sign_up(address, topics=["Machine learning"])
    visitor.open(link(visitor.mail(address), "/c/"))
    visitor.press("Confirm my subscription")
    digest = visitor.mail(address, after=1)
    visitor.open(link(digest, "/p/"))
    visitor.press("E-mail me a sign-in link")
    visitor.open(link(visitor.mail(address, after=2), "/s/"))
    visitor.press("Open my preferences")
    visitor.unfold("Days and hour")
    page.locator("#id_send_hour").select_option("11")
    visitor.press("Save my choices")
    expect(page.locator(".lead")).to_contain_text("at 11:00")
    visitor.open(next(one for one in links(digest) if one.endswith("/1/more")))
    page.locator("main form button:not([value=undo])").first.click()
    expect(page.locator("button[value=undo]")).to_be_visible()
    visitor.open(link(digest, "/u/"))
    visitor.press("Unsubscribe")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
    assert_log_is_discreet(visitor.site, address)


@pytest.fixture
def plain_visitor(browser: Browser, site: Site) -> Iterator[Visitor]:
    with Visitor.with_browser(browser, site, java_script_enabled=False) as visitor:
        yield visitor


def test_the_same_without_javascript(plain_visitor: Visitor) -> None:
    core(plain_visitor, "noor@readers.example")


def test_without_javascript_a_button_draws_the_preview(plain_visitor: Visitor) -> None:
    page = plain_visitor.open("/subscribe")
    plain_visitor.tick("Machine learning")
    page.get_by_label("Keywords").fill("grasping")
    plain_visitor.press("Show my digest")
    page.wait_for_url("**/preview*")
    assert page.locator("main h3").count() > 0
    assert page.get_by_label("Keywords").input_value() == "grasping"
    assert page.get_by_label("Machine learning", exact=True).first.is_checked()
    picture(page, "web/preview-without-javascript-1280-light")
    page.locator("form [name=email]").fill("wei@readers.example")  # from there one signs up as from the form
    page.wait_for_timeout(2_100)
    plain_visitor.press("Subscribe")
    page.wait_for_url("**/subscribe/sent")


def test_the_same_on_postgresql_and_redis(browser: Browser, large_site: Site) -> None:
    with Visitor.with_browser(browser, large_site) as visitor:
        core(visitor, "marta@readers.example")


def test_a_reader_signs_up_by_keyboard_alone(visitor: Visitor) -> None:
    page = visitor.open("/")
    keyboard = Keyboard(visitor)
    keyboard.to(lambda: "Subscribe" in keyboard.here() and "/subscribe" in keyboard.leads_to())
    page.keyboard.press("Enter")
    page.wait_for_url("**/subscribe")
    keyboard.to(lambda: "Computing and learning" in keyboard.here())
    page.keyboard.press("Enter")
    keyboard.to(lambda: keyboard.named() == "topics")
    page.keyboard.press("Space")
    chosen = page.evaluate("document.activeElement.value")
    keyboard.to(lambda: keyboard.named() == "keywords")
    page.keyboard.type("grasping")
    keyboard.to(lambda: "Days and hour" in keyboard.here())
    page.keyboard.press("Enter")
    keyboard.to(lambda: keyboard.named() == "rhythm")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    keyboard.to(lambda: keyboard.named() == "send_hour")
    page.keyboard.press("ArrowDown")
    keyboard.to(lambda: keyboard.named() == "email")
    page.keyboard.type("keys@readers.example")
    page.wait_for_timeout(2_100)
    page.keyboard.press("Enter")
    page.wait_for_url("**/subscribe/sent")
    visitor.open(link(visitor.mail("keys@readers.example"), "/c/"))
    keyboard.to(lambda: "Confirm my" in keyboard.here())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are subscribed")
    keyboard.to(lambda: "Change your" in keyboard.here())
    page.keyboard.press("Enter")
    page.wait_for_url("**/preferences")
    assert page.locator(f"#id_topics [value={chosen}]").is_checked()
    assert page.locator("#id_send_hour").input_value() == "8"
    assert page.locator("[name=rhythm][value=weekly]").is_checked()


def test_a_sign_up_that_is_not_sent_is_never_lost_in_silence(visitor: Visitor) -> None:
    page, asked = visitor.page, []
    visitor.open("/subscribe")
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_label("Keywords").fill("grasping")
    page.get_by_role("link", name="Topics").first.click(no_wait_after=True)
    page.wait_for_timeout(500)
    assert asked == ["beforeunload"]
    assert page.get_by_label("Keywords").input_value() == "grasping"
    page.locator("form [name=email]").fill("tove@readers.example")
    page.wait_for_timeout(1_000)  # what is sent sooner is taken for a program's
    visitor.press("Subscribe")
    page.wait_for_url("**/subscribe/sent")
    assert asked == ["beforeunload"]


def test_changes_that_are_not_saved_are_never_lost_in_silence(visitor: Visitor) -> None:
    page, asked = visitor.page, []
    visitor.sign_up("marek@readers.example")
    visitor.open(link(visitor.mail("marek@readers.example"), "/c/"))
    visitor.press("Confirm my subscription")
    visitor.open("/preferences")
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.get_by_label("Keywords").fill("grasping")
    expect(page.get_by_text("Your changes are not saved yet.")).to_be_in_viewport()
    page.get_by_role("link", name="Topics").click(no_wait_after=True)
    page.wait_for_timeout(500)
    assert asked == ["beforeunload"]
    assert page.url.endswith("/preferences")
    visitor.press("Save my choices")
    expect(page.locator("dl.chosen")).to_contain_text("“grasping”")
    page.get_by_role("link", name="Topics").click()
    page.wait_for_url("**/topics/")
    assert asked == ["beforeunload"]


class Keyboard:
    """Goes through a page by Tab, and sees that each stop shows itself."""

    def __init__(self, visitor: Visitor) -> None:
        self.page = visitor.page

    def to(self, found: object, limit: int = 150) -> None:
        for _ in range(limit):
            self.page.keyboard.press("Tab")
            if self.here_is_a_stop():
                assert self.page.evaluate(SHOWS_ITSELF), f"no outline on {self.here()!r}"
            if found():
                return
        raise AssertionError(f"not reached within {limit} stops; now on {self.here()!r}")

    def here_is_a_stop(self) -> bool:
        return bool(self.page.evaluate("document.activeElement !== document.body"))

    def here(self) -> str:
        return str(self.page.evaluate("document.activeElement.textContent.trim()"))

    def leads_to(self) -> str:
        return str(self.page.evaluate("document.activeElement.getAttribute('href') ?? ''"))

    def named(self) -> str:
        return str(self.page.evaluate("document.activeElement.getAttribute('name') ?? ''"))


# Whoever has the focus, or what it lies in, bears an outline and is within the window.
SHOWS_ITSELF = """() => {
  const one = document.activeElement, box = one.getBoundingClientRect();
  const outlined = (node) => node && (getComputedStyle(node).outlineStyle !== "none" || outlined(node.parentElement));
  return outlined(one) && box.bottom > 0 && box.top < innerHeight;
}"""
