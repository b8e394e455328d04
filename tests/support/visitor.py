"""A visitor with a real browser: what she sees, what she presses, the mails she gets; and what must never be seen."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import product
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, Route

from tests.support.kept import kept
from tests.support.pictures import picture
from tests.support.running_service import Served, served, wait_for
from tests.support.services import Installation, free_port

WIDTHS = 320, 375, 1280
PICTURED = 375, 1280
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

# Two days of the bundled invented papers: half of the files came yesterday, the others today.
TWO_DAYS = """
import django; django.setup()
from datetime import UTC, datetime, timedelta
from digest.editions import open_edition
from digest.ingest import store
from digest.ingest import sample
from digest.models import Source
from subscriptions.seed_data import seed_topics
seed_topics()
now = datetime.now(UTC)
feeds = sample.feeds(now.date())
early = [name for name in feeds if name < "arxiv-cs.D"]
for moment, names in [(now - timedelta(days=1), early), (now, [name for name in feeds if name not in early])]:
    day = sample.feeds(moment.date())
    list(store.store_files({name: day[name] for name in names}, now=moment))
    open_edition.open_edition(moment.date(), now=moment)
Source.objects.update(active=False)  # nothing may leave this machine
"""
# Words of two texts in one line with nothing between them: a space that a template or a flex box swallowed.
GLUED = r"""() => {
  const isShown = (text) => text.data.trim() && text.parentElement.checkVisibility({visibilityProperty: true})
    && !text.parentElement.closest(".hidden, mark, sub, sup, math, svg, script, style, select, textarea");
  const place = (text) => {
    const range = document.createRange();
    const start = text.data.length - text.data.trimStart().length;
    range.setStart(text, start);
    range.setEnd(text, start + text.data.trim().length);
    return range.getClientRects();
  };
  const all = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let before = null, text = all.nextNode(); text; text = all.nextNode()) {
    if (!isShown(text)) continue;
    if (before && /[\p{L}\p{N}]$/u.test(before.data.trim()) && /^[\p{L}\p{N}]/u.test(text.data.trim())) {
      const [left, right] = [[...place(before)].at(-1), place(text)[0]];
      const isOneLine = left && right && left.top < right.bottom && right.top < left.bottom;
      if (isOneLine && Math.abs(right.left - left.right) < 1) found.push(`${before.data.trim()}|${text.data.trim()}`);
    }
    before = text;
  }
  return found;
}"""
SIDEWAYS = "() => document.documentElement.scrollWidth > innerWidth"


@dataclass(frozen=True, slots=True)
class Site:
    """A running service and the mails it has sent."""

    installation: Installation
    service: Served

    @property
    def url(self) -> str:
        return self.service.url

    def mails_to(self, address: str) -> list[EmailMessage]:
        """Oldest first."""
        paths = sorted(self.installation.mails(), key=lambda path: path.stat().st_mtime_ns)
        mails = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in paths]
        return [mail for mail in mails if isinstance(mail, EmailMessage) and mail["To"] == address]

    def next_mail(self, address: str, *, after: int = 0) -> EmailMessage:
        """The mail to that address that comes after so many others: waits for it."""
        return wait_for(lambda: self.mails_to(address)[after:], self.service)[0]

    def let_time_pass(self) -> None:
        """So much that everybody may be mailed a link again."""
        self.run(
            "from subscriptions.models import Subscriber\n"
            "Subscriber.objects.update(confirmation_sent_at=None, link_sent_at=None, confirmations_today=0, links_today=0)"
        )

    def run(self, script: str) -> str:
        """What a script prints that runs with Django beside the service."""
        return self.installation.run("-c", "import django; django.setup()\n" + script)


@contextmanager
def site_at(var: Path, **settings: str) -> Iterator[Site]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    # PROXIES, so that a visitor may say whence
    installation = Installation.at(var, **{"TICK_SECONDS": "1", "SITE_URL": address, "PROXIES": "1", **settings})
    installation.prepare()
    _fill(installation)
    with served(installation, port=port, has_sources=True) as service:
        wait_for(lambda: "worker ready" in service.log.read_text(), service)
        wait_for(lambda: "web    ready" in service.log.read_text(), service)
        yield Site(installation, service)


def _fill(installation: Installation) -> None:
    """Give it the two days; to SQLite as a copy, because to store and rank them takes seconds."""
    if installation.environment["DATABASE_URL"]:
        installation.run("-c", TWO_DAYS)
        return

    def make(room: Path) -> None:
        shutil.copytree(installation.var, room, dirs_exist_ok=True)
        Installation.at(room).run("-c", TWO_DAYS)

    # Of this hour, because today's papers must be of today.
    first = kept(f"two-days-{datetime.now(UTC):%d-%H}", make)
    shutil.copytree(first, installation.var, dirs_exist_ok=True)


def links(mail: EmailMessage) -> list[str]:
    """Every address in a mail: of both parts and of the headers, each once."""
    text = "\n".join(str(mail.get(name, "")) for name in ("List-Unsubscribe", "List-Help", "List-Archive"))
    for part in mail.walk():
        if isinstance(part, EmailMessage) and part.get_content_maintype() == "text":
            text += "\n" + part.get_content()
    found = re.findall(r"""https?://[^\s<>"']+""", text.replace("&amp;", "&"))
    return list(dict.fromkeys(address.rstrip(".,)") for address in found))


def link(mail: EmailMessage, path: str) -> str:
    """The first address in a mail whose path begins so."""
    return next(address for address in links(mail) if urlsplit(address).path.startswith(path))


@dataclass  # without slots: Playwright keeps a note of its own on whose methods it calls
class Visitor:
    """One browser profile. ``wrong`` collects what no page may show; leaving it with anything in it fails."""

    site: Site
    context: BrowserContext
    page: Page
    wrong: list[str] = field(default_factory=list)
    looked_at: set[str] = field(default_factory=set)

    @classmethod
    @contextmanager
    def with_browser(cls, browser: Browser, site: Site, **options: Any) -> Iterator[Visitor]:
        context = browser.new_context(
            viewport={"width": 1280, "height": 800},
            locale="en-GB",
            timezone_id="Europe/Berlin",
            extra_http_headers={"X-Forwarded-For": f"10.{secrets.randbelow(256)}.{secrets.randbelow(256)}.7"},
            **options,
        )
        context.set_default_timeout(20_000)
        visitor = cls(site, context, context.new_page())
        context.route("**/*", visitor._only_here)
        context.on("console", visitor._heard)
        context.on("weberror", lambda error: visitor.wrong.append(f"script: {error.error}"))
        context.on("response", visitor._answered)
        yield visitor
        context.close()
        assert not visitor.wrong, "\n".join(dict.fromkeys(visitor.wrong))

    def _only_here(self, route: Route) -> None:
        if route.request.url.startswith(self.site.url + "/"):
            route.continue_()
        else:
            self.wrong.append(f"asked another host: {route.request.url}")
            route.abort()

    def _heard(self, message: ConsoleMessage) -> None:
        expected = (
            "the server responded with a status of 4",
            "htmx:sendAbort",
            "htmx:afterRequest",  # or gave up waiting
            "Failed to execute 'postMessage'",  # of axe to a sandboxed frame
        )
        if message.type in ("error", "warning") and not any(words in message.text for words in expected):
            self.wrong.append(f"console on {message.location.get('url')}: {message.text}")

    def _answered(self, response: Response) -> None:
        is_page = response.request.resource_type == "document"
        if response.status >= (500 if is_page else 400):
            self.wrong.append(f"{response.status} from {response.url}")

    # what she does --------------------------------------------------------------------------------------------------

    def open(self, path: str) -> Page:
        self.page.goto(path if path.startswith("http") else self.site.url + path)
        return self.page

    def reload(self) -> None:
        """Load the page again; Chromium refuses while the page before is still being replaced."""
        self.page.wait_for_load_state()
        self.page.reload()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).click()

    def sign_up(self, address: str, *, topics: Sequence[str] = ()) -> None:
        """Fill in the long form as far as needed, and send it."""
        self.open("/subscribe")
        for name in topics:
            self.tick(name)
        self.page.locator("form [name=email]").fill(address)
        self.page.wait_for_timeout(2_100)  # nobody is faster than that
        self.press("Subscribe")
        self.page.wait_for_url("**/subscribe/sent")

    def tick(self, name: str) -> None:
        """Tick a topic of the form, in its group, which is folded at first."""
        group = self.page.locator("#id_topics details").filter(has=self.page.get_by_label(name, exact=True))
        if group.get_attribute("open") is None:
            group.locator("summary").click()
        group.get_by_label(name, exact=True).check()

    def unfold(self, title: str) -> None:
        """Open the part of a form with this title."""
        part = self.page.locator("details.fold").filter(has=self.page.locator("summary", has_text=title)).first
        if part.get_attribute("open") is None:
            part.locator("summary").first.click()

    def mail(self, address: str, *, after: int = 0) -> EmailMessage:
        return self.site.next_mail(address, after=after)

    # what is looked at ----------------------------------------------------------------------------------------------

    def look(self, name: str, *, pictured: Sequence[int] = PICTURED) -> None:
        """Note what axe finds on this page in both schemes, and whether it scrolls sideways or glues words; picture it."""
        if name in self.looked_at:
            return
        self.looked_at.add(name)
        self.page.wait_for_load_state()
        before = self.page.viewport_size
        # each scheme and each width once: no rule of axe's is about both
        examined = {("light", max(pictured)), ("dark", min(pictured))}
        for scheme, width in product(SCHEMES, sorted({*WIDTHS, *pictured})):
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            self.page.set_viewport_size({"width": width, "height": 800})
            if self.page.evaluate(SIDEWAYS):
                self.wrong.append(f"{name} scrolls sideways at {width} pixels ({_widest(self.page)})")
            self.wrong += [f"{name} has words without a space between: {words}" for words in self.page.evaluate(GLUED)]
            if width in pictured:
                picture(self.page, f"web/{name}-{width}-{scheme}")
            if (scheme, width) in examined:
                self.wrong += [f"{name}, {scheme}, {width} px: {found}" for found in _axe(self.page)]
        self.page.emulate_media(color_scheme="light")
        if before:
            self.page.set_viewport_size(before)


def _axe(page: Page) -> list[str]:
    # Once for each page that is loaded: the script is half a megabyte.
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("() => axe.run({resultTypes: ['violations']})")["violations"]
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for one in found
        for node in one["nodes"][:3]
    ]


def _widest(page: Page) -> str:
    return str(
        page.evaluate("""() => { const out = [...document.querySelectorAll("body *")]
            .filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 80));
            return out.slice(0, 2).join(" | "); }""")
    )
