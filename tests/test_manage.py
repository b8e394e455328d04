"""A wrong call of ./run ends with the usage before it makes or changes anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = [pytest.mark.service, pytest.mark.slow]


def called(var: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As ./run calls it for the real days, with an empty folder of data."""
    environment = {"PATH": os.environ["PATH"], "BROADSHEET_PREPARE": "yes", "BROADSHEET_MODE": "live"}
    return subprocess.run(
        [sys.executable, ROOT / "manage.py", *arguments],
        env=environment | {"BROADSHEET_VAR": str(var)},
        cwd=var,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve", "--nonsense"], "unrecognized arguments: --nonsense"),
        (["serve", "abc"], "usage: ./run serve"),
        (["digest", "nonsense"], "unrecognized arguments: nonsense"),
        (["staff", "--nonsense"], "usage: run manage staff"),
        (["doktor"], "Did you mean doctor?\nType './run manage help' for usage."),
    ],
)
def test_wrong_arguments_leave_no_database_behind(tmp_path: Path, arguments: list[str], said: str) -> None:
    ended = called(tmp_path, *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr
    assert not list(tmp_path.glob("*.sqlite3*"))


def test_the_help_of_a_command_needs_no_database(tmp_path: Path) -> None:
    ended = called(tmp_path, "staff", "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "usage: run manage staff" in ended.stdout
    assert not list(tmp_path.glob("*.sqlite3*"))


def test_a_right_call_prepares_the_database_first(tmp_path: Path) -> None:
    ended = called(tmp_path, "migrate", "--check")
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "broadsheet.sqlite3").is_file()
