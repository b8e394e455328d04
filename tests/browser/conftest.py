"""Debian's Chromium for the browser tests, and a running service for it to visit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support.services import missing, postgres_and_redis
from tests.support.visitor import Site, Visitor, site_at

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--font-render-hinting=none"),
    "--hide-scrollbars",
]

# Files that take a minute or more, in the order in which they begin: one process runs a whole file, so a long one at the
# end would leave the other processes idle.
LONGEST = {
    f"test_{name}.py": place
    for place, name in enumerate(["the_journey", "own_list", "gauntlet", "deliveries", "sources", "today", "lists"])
}

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # for tests that have both a browser and the database in hand


# Last, because pytest brings tests with one parameter of the session together.
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Last of all: Playwright leaves an event loop running, and the service that is visited takes processor time."""
    here = f"{Path(__file__).parent}{os.sep}"
    # by text, because paths are slow to compare and there are thousands of tests
    items.sort(key=lambda item: 1 + LONGEST.get(item.path.name, len(LONGEST)) if str(item.path).startswith(here) else 0)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    # The shell draws the same and takes a quarter less time: it has no pages of its own around each context.
    names = (os.environ.get("CHROMIUM", ""), "chromium-headless-shell", "chromium")
    chromium = next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        missing("no Chromium (Debian: apt-get install chromium-headless-shell), or set CHROMIUM to its path")
    return {"executable_path": chromium, "args": FLAGS}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The service on SQLite, with two days of invented papers; each test uses readers of its own."""
    with site_at(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def large_site(tmp_path: Path, postgres_url: str) -> Iterator[Site]:
    """The same on PostgreSQL and Redis."""
    with postgres_and_redis(postgres_url) as settings, site_at(tmp_path, **settings) as site:
        yield site


@pytest.fixture
def visitor(browser: Browser, site: Site) -> Iterator[Visitor]:
    """Somebody with a browser, for whom every page must be free of errors and ask nobody else for anything."""
    with Visitor.with_browser(browser, site) as visitor:
        yield visitor
