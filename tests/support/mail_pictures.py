"""Pictures of mails as a browser draws them, and what can be read in them."""

from __future__ import annotations

from playwright.sync_api import Browser, Route

from tests.support.pictures import picture

# Every text and its background as the page computes them, and the same two colours inverted: the least contrast.
LEAST_CONTRAST = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (rgb) => rgb.map((c) => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort(); return (y + .05) / (x + .05); };
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = numbers(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const inverted = (rgb) => rgb.map((c) => 255 - c);
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let least = 21;
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !node.getClientRects().length) continue;
    const [ink, paper] = [numbers(getComputedStyle(node).color).slice(0, 3), ground(node)];
    least = Math.min(least, contrast(ink, paper), contrast(inverted(ink), inverted(paper)));
  }
  return least;
}"""
SMALL_TARGETS = """() => [...document.links].filter((link) => link.getBoundingClientRect().height < 24)
  .map((link) => link.textContent)"""


def look(browser: Browser, page_html: str, name: str, *, width: int, scheme: str = "light") -> tuple[bool, float, list]:
    """Draw the mail, and tell whether it scrolls sideways, its least contrast and its small links."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, locale="en-GB")
    asked_for = []

    def refuse(route: Route) -> None:
        asked_for.append(route.request.url)
        route.abort()

    context.route("**/*", refuse)
    page = context.new_page()
    page.set_content(page_html, wait_until="load")
    picture(page, name)
    scrolls = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    seen = scrolls, page.evaluate(LEAST_CONTRAST), page.evaluate(SMALL_TARGETS)
    context.close()
    assert asked_for == [], "a mail asks nothing of the network"
    return seen
