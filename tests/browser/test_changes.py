"""A curator in a real browser on the page of merges and claims: empty, full, and an undone merge."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support.visitor import Site, Visitor, site_at

A_CURATOR = """
from digest.dashboard.auth.roles import Role
from tests.support.staff import one_of_the_staff, signed_in
print(signed_in(one_of_the_staff(Role.CURATOR, first_name="Cleo")).cookies["visit"].value)
"""
# A preprint and its article become one paper; a blog claims a version; two notices, one certain and one a concern.
CHANGES = """
from datetime import UTC, datetime
from digest.ingest import parsers, store
from tests.support.factories import entry, feed
now = datetime.now(UTC)

def show(*entries, **values):
    shown = feed(*entries, **values)
    store.store(store.source_named_in(shown, "file.xml"), shown, now=now)

JOURNAL = {"kind": "journal", "name": "Journal of Bees", "url": "https://j.example.org/feed"}
article = {"identifiers": ("doi:10.5555/bees.1",), "url": "https://j.example.org/1", "announced": "", "categories": ()}
show(entry(1, title="Bees count to four in the dark"))
show(entry(1, **article | {"title": "Counting of landmarks by bees in darkness, a field study"}), **JOURNAL)
show(entry(1, identifiers=("arxiv:2603.00001", "doi:10.5555/bees.1"), title="Bees count to four in the dark", version=2))
for n, title in enumerate(["A map of the sleep of bumblebees", "Hives that hum at night"], start=2):
    row = article | {"identifiers": (f"doi:10.5555/bees.{n}",), "url": f"https://j.example.org/{n}", "title": title}
    show(entry(n, **row), **JOURNAL)
blog = {"kind": "journal", "name": "A weekly of insects", "url": "https://blog.example.org/feed"}
show(entry(1, title="Bees count, and " + "x" * 90, version=9), **blog)
notices = "".join(
    f"<item><title>{title}</title><link>https://j.example.org/n/{n}</link></item>"
    for n, title in enumerate(["Retraction Note: A map of the sleep of bumblebees", "Expression of Concern: Hives that hum at night"])
)
read = parsers.read(
    f'<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>Journal of Bees</title>'
    f'<atom:link rel="self" href="https://j.example.org/feed"/>{notices}</channel></rss>'.encode()
)
store.store(store.source_named_in(read, "file.xml"), read, now=now)
"""
PAPERS = "from digest.models import Paper; print(*Paper.objects.filter(identifier__in=['doi:10.5555/bees.1', 'arxiv:2603.00001']))"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_at(tmp_path_factory.mktemp("dashboard")) as site:
        yield site


@pytest.fixture
def cleo(browser: Browser, site: Site) -> Iterator[Visitor]:
    with Visitor.with_browser(browser, site) as visitor:
        key = site.run(A_CURATOR).strip()
        visitor.context.add_cookies([{"name": "visit", "value": key, "url": site.url}])
        yield visitor


def test_a_curator_reads_claims_and_undoes_a_merge(cleo: Visitor, site: Site) -> None:
    page = cleo.page
    cleo.open("/dashboard/changes")
    expect(page.get_by_role("heading", level=1)).to_have_text("Merges and claims")
    cleo.look("dashboard-changes-empty")

    site.run(CHANGES)
    cleo.reload()
    cleo.look("dashboard-changes")
    expect(page.get_by_role("link", name="Retraction Note: A map of the sleep of bumblebees")).to_be_visible()

    page.get_by_role("button", name=re.compile("^Undo.*Bees count to four")).click()
    expect(page.get_by_role("status")).to_contain_text("Undone.")
    assert "Counting of landmarks" in site.run(PAPERS)
    cleo.look("dashboard-changes-undone")
