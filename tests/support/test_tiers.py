"""What a test is marked with follows from where it lies and what it asks for; a quick run is kept to its word."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.paths import ROOT
from tests.support.tiers import no_process, tier_of, try_few


@pytest.mark.parametrize(
    ("path", "fixtures", "marker"),
    [
        ("tests/browser/test_mails.py", ["browser"], "browser"),
        ("tests/browser/test_today.py", ["installation"], "browser"),
        ("tests/journeys/test_the_day.py", ["settings"], "service"),
        ("tests/test_tasks.py", ["settings", "installation"], "service"),
        ("tests/mails/test_lint.py", ["browser"], "browser"),
        ("tests/mails/test_lint.py", ["settings"], ""),
    ],
)
def test_a_tier_follows_from_folder_and_fixtures(path: str, fixtures: list[str], marker: str) -> None:
    assert tier_of(ROOT / path, fixtures) == marker


@pytest.mark.parametrize(
    "start",
    [
        lambda: subprocess.run([sys.executable, "--version"], check=True),
        lambda: os.system("true"),
        lambda: os.posix_spawn("/bin/true", ["true"], {}),
        os.fork,
        lambda: ProcessPoolExecutor(1).submit(int).result(),
    ],
)
def test_no_test_of_a_quick_run_starts_a_process(start: Callable[[], object]) -> None:
    with (
        pytest.raises(pytest.fail.Exception, match=r"which no quick run may: mark it @pytest\.mark\.service"),
        no_process("test_a.py::test_b"),
    ):
        start()


@pytest.mark.service
def test_other_runs_may_start_one() -> None:
    with pytest.raises(pytest.fail.Exception), no_process("test_a.py::test_b"):
        os.fork()
    subprocess.run([sys.executable, "--version"], check=True, capture_output=True)


@pytest.mark.parametrize(("named", "tried"), [(25, 20), (15, 15)])
def test_a_run_tries_few_examples_of_a_property_whatever_number_it_names(named: int, tried: int) -> None:
    seen = []

    @settings(max_examples=named, database=None)
    @given(st.integers())
    def holds(number: int) -> None:
        seen.append(number)

    try_few(holds, 20)
    holds()
    assert len(seen) == tried
