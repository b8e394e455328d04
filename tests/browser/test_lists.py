"""Lists of papers in a browser: what is on the first screen, the view, the theme, the keys, and all of it without scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support.visitor import Site, Visitor

TOP = "() => document.querySelector('.paper h3').getBoundingClientRect().bottom + scrollY"
GROUND = "() => getComputedStyle(document.body).backgroundColor"
LIGHT, DARK = "rgb(251, 250, 247)", "rgb(23, 22, 20)"


@pytest.fixture
def without_scripts(browser: Browser, site: Site) -> Iterator[Visitor]:
    with Visitor.with_browser(browser, site, java_script_enabled=False) as visitor:
        yield visitor


@pytest.mark.parametrize(("width", "height", "limit"), [(1280, 900, 500), (375, 800, 800)])
def test_the_first_paper_is_on_the_first_screen(visitor: Visitor, width: int, height: int, limit: int) -> None:
    visitor.page.set_viewport_size({"width": width, "height": height})
    assert visitor.open("/").evaluate(TOP) < limit


def test_lists_and_pages_about_the_site_look_right(visitor: Visitor) -> None:
    page = visitor.open("/")
    for name in ("Week", "Month"):
        with page.expect_navigation():
            page.get_by_role("link", name=name, exact=True).click()
        visitor.look(f"list-{name.lower()}")
    with page.expect_navigation():
        page.locator(".topic-filter a").nth(1).click()
    visitor.look("list-by-topic")
    for name in ("About", "Privacy"):
        visitor.follow(name)
        visitor.look(name.lower())


# What stands between the last word of each folded abstract and its dots, in pixels.
GAPS = """() => [...document.querySelectorAll(".folded > .abstract")].filter((one) => one.offsetHeight).map((one) => {
  const dots = getComputedStyle(one, "::before");
  const box = one.getBoundingClientRect();
  const range = document.createRange();
  range.selectNodeContents(one);
  const ends = [...range.getClientRects()].filter((part) => part.top < box.bottom - 8 && part.bottom > box.bottom - 8);
  return box.right - parseFloat(dots.right) - parseFloat(dots.width) - parseFloat(dots.paddingLeft) - Math.max(...ends.map((end) => end.right));
})"""


@pytest.mark.parametrize("path", ["/", "/topics/machine-learning/", "/papers/?from=2020-01-01"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_dots_of_a_folded_abstract_follow_its_last_word(visitor: Visitor, path: str, width: int) -> None:
    visitor.page.set_viewport_size({"width": 1000, "height": 800})
    page = visitor.open(path)
    page.set_viewport_size({"width": width, "height": 800})
    page.wait_for_timeout(200)
    gaps = page.evaluate(GAPS)
    assert gaps
    assert max(map(abs, gaps)) < 2, gaps


def test_keys_are_told_only_where_there_are_keys(browser: Browser, visitor: Visitor) -> None:
    expect(visitor.open("/").locator(".keys")).to_be_visible()
    phone = {"is_mobile": True, "has_touch": True}
    with Visitor.with_browser(browser, visitor.site, **phone) as with_phone:
        expect(with_phone.open("/").locator(".keys")).to_be_hidden()


def test_the_compact_view_is_kept(visitor: Visitor) -> None:
    page = visitor.open("/")
    expect(page.locator(".abstract").first).to_be_visible()
    visitor.follow("Compact")
    expect(page.locator(".abstract").first).to_be_hidden()
    visitor.reload()
    expect(page.locator(".abstract").first).to_be_hidden()
    visitor.look("home-compact")
    visitor.follow("Full")
    expect(page.locator(".abstract").first).to_be_visible()
    visitor.reload()
    expect(page.locator(".abstract").first).to_be_visible()


def test_the_theme_goes_round_and_is_kept_on_pages_without_scripts(visitor: Visitor) -> None:
    page = visitor.open("/")
    assert page.evaluate(GROUND) == LIGHT
    for name, ground in (("as your system", LIGHT), ("light", DARK)):
        visitor.press(f"Theme: {name}")
        assert page.evaluate(GROUND) == ground
    visitor.reload()
    assert page.evaluate(GROUND) == DARK
    visitor.open("/c/no-such-link")
    assert page.evaluate(GROUND) == DARK
    visitor.open("/")
    page.emulate_media(color_scheme="dark")
    visitor.press("Theme: dark")
    visitor.press("Theme: as your system")
    assert page.evaluate(GROUND) == LIGHT


def test_keys_move_open_and_search_and_can_be_switched_off(visitor: Visitor) -> None:
    page = visitor.open("/")
    titles = page.locator(".paper h3 a")
    page.keyboard.press("j")
    expect(titles.nth(0)).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(titles.nth(1)).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("jk/o")
    assert page.locator("#find").input_value() == "jk/o"
    page.locator("#find").blur()
    page.keyboard.press("j")
    with page.expect_navigation():
        page.keyboard.press("o")
    assert "/papers/" in page.url
    page.go_back()
    page.get_by_label("Listen to these keys").uncheck()
    visitor.reload()
    page.keyboard.press("j")
    expect(titles.nth(0)).not_to_be_focused()


def test_everything_works_without_scripts(without_scripts: Visitor) -> None:
    page = without_scripts.open("/")
    expect(page.locator("[data-theme-switch]")).to_be_hidden()
    expect(page.locator(".keys")).to_be_hidden()
    page.get_by_text("Show the whole abstract").first.click()
    expect(page.get_by_text("Show less").first).to_be_visible()
    with page.expect_navigation():
        without_scripts.follow("Compact")
    expect(page.locator(".abstract").first).to_be_hidden()
    with page.expect_navigation():
        page.locator(".topic-filter a").nth(1).click()
    page.locator("#find").fill("model")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator(".paper").first).to_be_visible()


def test_a_list_prints_without_what_only_a_screen_needs(visitor: Visitor) -> None:
    page = visitor.open("/")
    page.emulate_media(media="print")
    for selector in (".masthead nav", ".find", ".rail", ".topic-filter", ".views", ".pitch", ".foot"):
        expect(page.locator(selector).first).to_be_hidden()
    expect(page.locator(".paper h3").first).to_be_visible()
    assert page.evaluate(GROUND) == "rgb(255, 255, 255)"
