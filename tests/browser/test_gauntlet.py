"""Scanners open every link of every mail, some with a real browser: nothing may come of it."""

from __future__ import annotations

import http.cookiejar
import re
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from email.message import EmailMessage
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from django.urls import Resolver404, resolve
from playwright.sync_api import Browser, expect

from subscriptions import link_requests
from tests.support.running_service import web_alone
from tests.support.visitor import Site, Visitor, link, links, site_at

# At thirty of the links and buttons that a page shows.
POINT_AND_FOCUS = """() => [...document.querySelectorAll("a, button")]
    .filter((one) => one.checkVisibility({visibilityProperty: true})).slice(0, 30)
    .forEach((one) => { one.dispatchEvent(new MouseEvent("mouseover", {bubbles: true})); one.focus(); })"""


@pytest.fixture(scope="module")
def quiet_site(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[tuple[Site, dict, list]]:
    """Pages without a worker, a mail of every kind whose links are fresh, and the cookies of a signed-in reader."""
    with site_at(tmp_path_factory.mktemp("gauntlet")) as site:
        mails, cookies = one_of_every_kind(site, browser)
    with web_alone(site.installation, port=site.service.port) as service:
        yield Site(site.installation, service), mails, cookies


def one_of_every_kind(site: Site, browser: Browser) -> tuple[dict[str, EmailMessage], list]:
    """Made as readers make them: by signing up, confirming, asking for links and changing their address."""
    mails = {}
    with Visitor.with_browser(browser, site) as ada:
        ada.sign_up("ada@readers.example")
        ada.open(link(ada.mail("ada@readers.example"), "/c/"))
        ada.press("Confirm my subscription")
        mails["digest"] = ada.mail("ada@readers.example", after=1)
        site.let_time_pass()
        ada.open("/preferences")
        ada.unfold("Address")
        ada.page.locator("[name=email]").fill("ada@elsewhere.example")
        ada.press("Send a link to it")
        mails["change_address"] = ada.mail("ada@elsewhere.example")
        cookies = ada.context.cookies()
    with Visitor.with_browser(browser, site) as somebody:
        site.let_time_pass()
        somebody.sign_up("ada@readers.example")
        mails["already"] = somebody.mail("ada@readers.example", after=2)
        site.let_time_pass()
        somebody.open("/sign-in")
        somebody.page.locator("[name=email]").fill("ada@readers.example")
        somebody.press("E-mail me a sign-in link")
        mails["sign_in"] = somebody.mail("ada@readers.example", after=3)
        somebody.sign_up("grace@readers.example")
        mails["confirm"] = somebody.mail("grace@readers.example")
    return mails, cookies


def own_links(site: Site, mails: dict[str, EmailMessage]) -> list[str]:
    """Every address of ours in any of the mails, and in none twice."""
    found = [address for mail in mails.values() for address in links(mail) if address.startswith(site.url)]
    return list(dict.fromkeys(found))


def shape(address: str) -> str:
    """What the addresses of one view have in common for all papers, days and readers: its name and its parameters."""
    parts = urlsplit(address)
    try:
        name = resolve(parts.path).view_name
    except Resolver404:
        # a file
        name = parts.path
    return "&".join([name, *sorted(parse_qs(parts.query))])


def every_table(site: Site) -> dict[str, list[str]]:
    """Every row of every table, but the cache's, which clears itself of what is over, and the counts of searches.

    A link of a paper's page searches for its author, and searches are counted for each network.
    """
    with closing(sqlite3.connect(f"file:{site.installation.var}/broadsheet.sqlite3?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        but = {
            "subscriptions_ratecounter": "WHERE name NOT LIKE 'search|%'",
            "sqlite_sequence": "WHERE name != 'subscriptions_ratecounter'",
        }
        return {
            name: sorted(map(repr, database.execute(f'SELECT * FROM "{name}" {but.get(name, "")}')))
            for name in tables
            if name != "cache"
        }


def ask(method: str, address: str, cookies: list | None) -> tuple[int, str]:
    request = urllib.request.Request(address, method=method)
    if cookies:
        request.add_header("Cookie", "; ".join(f"{one['name']}={one['value']}" for one in cookies))
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    try:
        with opener.open(request) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def test_there_is_a_mail_of_every_kind(quiet_site: tuple) -> None:
    _, mails, _ = quiet_site
    assert set(mails) == {"digest", *link_requests.SUBJECTS}


@pytest.mark.parametrize("signed_in", [False, True], ids=["without cookies", "signed in"])
def test_no_address_of_any_mail_changes_anything_when_it_is_asked_for(quiet_site: tuple, signed_in: bool) -> None:
    site, mails, cookies = quiet_site
    before, asked, codes = every_table(site), set(), set()
    led_to: set[str] = set()
    for address in own_links(site, mails):
        for method in ("GET", "HEAD", "OPTIONS"):
            code, page = ask(method, address, cookies if signed_in else None)
            asked.add((method, address))
            codes.add((method, code))
            assert code < 500, address
            for path in re.findall(r'(?:href|action|formaction)="([^"]+)"', page):  # and whatever the page leads to
                further = urljoin(address, path.replace("&amp;", "&"))
                if further.startswith(site.url) and shape(further) not in led_to:
                    led_to.add(shape(further))
                    asked.add(("GET", further))
                    assert ask("GET", further, cookies if signed_in else None)[0] < 500
        assert every_table(site) == before, address
    purposes = {urlsplit(address).path[:3] for _, address in asked}
    assert {"/u/", "/p/", "/f/", "/d/", "/c/", "/s/", "/a/"} <= purposes
    assert {code for method, code in codes if method == "GET"} == {200}  # each link is a good one
    print(f"\n{len(asked)} requests, {len(before)} tables: every row as it was.")


def test_a_browser_that_opens_every_link_and_presses_nothing_changes_nothing(
    quiet_site: tuple, browser: Browser
) -> None:
    site, mails, cookies = quiet_site
    before, opened = every_table(site), 0
    for mine in (None, cookies):
        seen: set[str] = set()
        fetched: set[str] = set()
        with Visitor.with_browser(browser, site) as scanner:
            if mine:
                scanner.context.add_cookies(mine)
            for address in own_links(site, mails):
                if "#" in address or shape(address) in seen:
                    continue
                seen.add(shape(address))
                page = scanner.open(address)
                opened += 1
                # as browsers and mail programs do ahead of a click
                for further in page.evaluate("() => [...document.links].map((link) => link.href)"):
                    if further.startswith(site.url) and shape(further) not in fetched:
                        fetched.add(shape(further))
                        page.request.get(further, headers={"Sec-Purpose": "prefetch"})
                page.evaluate(POINT_AND_FOCUS)
                page.wait_for_load_state("networkidle")
    assert every_table(site) == before
    print(f"\n{opened} pages opened with scripts on: every row as it was.")


def test_the_links_still_work_for_the_people_they_were_sent_to(quiet_site: tuple, browser: Browser) -> None:
    """After all that: each single-use link is unused."""
    site, mails, _ = quiet_site
    with Visitor.with_browser(browser, site) as reader:
        reader.open(link(mails["confirm"], "/c/"))
        reader.press("Confirm my subscription")
        reader.open(link(mails["sign_in"], "/s/"))
        assert reader.page.get_by_role("button", name="Open my preferences").is_visible()
        reader.open(link(mails["change_address"], "/a/"))
        reader.page.locator("main form button").click()
        expect(reader.page.get_by_role("heading", level=1)).to_be_visible()
