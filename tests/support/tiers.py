"""Test tiers: every test is marked by what it needs, and a quick run starts no process and tries few examples."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.support.paths import ROOT

QUICK = "not slow and not service and not browser"
QUICK_EXAMPLES, EXAMPLES = 20, 60  # of each property, at most
FOLDERS = {ROOT / "tests" / "browser": "browser", ROOT / "tests" / "journeys": "service"}
# Fixtures that start a process. A file whose own fixtures or tests start one says so itself, by pytest.mark.service.
FIXTURES = {"browser": "browser"} | dict.fromkeys(
    ("certificate", "installation", "postgres_url", "signing_server"), "service"
)
# The ways to start a process, as Python names them to audit hooks.
STARTS = {"os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen"}

_watched: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--quick",
        action="store_true",
        help=f"only tests that are {QUICK}: none of them may start a process; {QUICK_EXAMPLES} examples of each property",
    )
    parser.addoption(
        "--examples", type=int, metavar="N", help=f"at most N examples of each property (by default {EXAMPLES})"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("quick"):
        given = config.option.markexpr
        config.option.markexpr = f"({given}) and {QUICK}" if given else QUICK
    # for the properties that name no number
    hypothesis.settings.register_profile("broadsheet", max_examples=_most_examples(config))
    hypothesis.settings.load_profile("broadsheet")


def _most_examples(config: pytest.Config) -> int:
    return config.getoption("examples") or (QUICK_EXAMPLES if config.getoption("quick") else EXAMPLES)


# First, so that pytest finds the markers when it picks tests by them.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if marker := tier_of(item.path, getattr(item, "fixturenames", ())):
            item.add_marker(marker)
        if isinstance(item, pytest.Function):
            try_few(item.function, _most_examples(config))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    if not item.config.getoption("quick"):
        return (yield)
    with no_process(item.nodeid):
        return (yield)


def tier_of(path: Path, fixtures: Collection[str]) -> str:
    """Return the marker of a test in this file with these fixtures; "" if it needs neither a service nor a browser."""
    by_fixture = (marker for name, marker in FIXTURES.items() if name in fixtures)
    return _tier_of_folder(path.parent) or next(by_fixture, "")


# once for each folder, because paths are slow to compare and there are thousands of tests
@cache
def _tier_of_folder(folder: Path) -> str:
    return next((marker for one, marker in FOLDERS.items() if folder.is_relative_to(one)), "")


def try_few(test: Callable[..., Any], most: int) -> None:
    """Lower a property's examples to ``most``, where it names a number of its own."""
    # The profile reaches only tests that name none, and Hypothesis has no public way to the settings of the others.
    own = getattr(test, "_hypothesis_internal_use_settings", None)
    if own and own.max_examples > most:
        test._hypothesis_internal_use_settings = hypothesis.settings(own, max_examples=most)


@contextmanager
def no_process(test: str) -> Iterator[None]:
    """Fail this test if it starts a process meanwhile, by whatever code."""
    _listen()
    _watched.append(test)
    try:
        yield
    finally:
        _watched.remove(test)


@cache
def _listen() -> None:
    # Once for all tests, because Python never takes an audit hook back.
    sys.addaudithook(_refuse)


def _refuse(event: str, _: tuple[Any, ...]) -> None:
    if event in STARTS and _watched:
        pytest.fail(f"{_watched[-1]} starts a process ({event}), which no quick run may: mark it @pytest.mark.service")
