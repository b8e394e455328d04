"""Processes forked for tests: what a start of Python would do, they do."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support import forks
from tests.support.paths import ROOT
from tests.support.services import Installation
from tests.support.start import start

pytestmark = pytest.mark.service


def ran(*arguments: str, is_set_up: bool = False, **environment: str) -> tuple[int, str, str]:
    done = forks.run(*arguments, environment={"PATH": os.environ["PATH"], **environment}, is_set_up=is_set_up)
    return done.returncode, done.stdout, done.stderr


def test_a_script_has_its_arguments_its_environment_and_no_other() -> None:
    script = "import os, sys; print(sys.argv, __name__, sorted(os.environ), file=sys.stderr); print(os.environ['A'])"
    assert ran("-c", script, "one", A="b") == (0, "b\n", "['-c', 'one'] __main__ ['A', 'PATH']\n")


def test_a_script_finds_the_modules_of_its_own_path(tmp_path: Path) -> None:
    (tmp_path / "only_there.py").write_text("WORD = 'found'")
    path = os.pathsep.join((str(ROOT), str(tmp_path)))
    assert ran("-c", "import only_there; print(only_there.WORD)", PYTHONPATH=path)[1] == "found\n"
    assert "No module named 'only_there'" in ran("-c", "import only_there")[2]


def test_a_file_and_a_module_run_as_the_main_program(tmp_path: Path) -> None:
    (file := tmp_path / "one.py").write_text("import sys; print(__name__, sys.argv)")
    assert ran(str(file), "x") == (0, f"__main__ {[str(file), 'x']}\n", "")
    assert ran("-m", "this")[1].startswith("The Zen of Python")


@pytest.mark.parametrize(
    ("script", "code", "told"),
    [
        ("pass", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('no more')", 1, "no more\n"),
        ("import os; os._exit(4)", 4, ""),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL, ""),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        ("import atexit, sys; atexit.register(sys.stderr.write, 'ended')", 0, "ended"),
        (
            "import sys, threading, time; threading.Thread(target=lambda: (time.sleep(0.1), sys.stderr.write('waited'))).start()",
            0,
            "waited",
        ),
        ("import subprocess, sys; sys.stderr.write(str(subprocess.run('exit 5', shell=True).returncode))", 0, "5"),
    ],
)
def test_how_it_ends_and_what_it_tells_is_known(script: str, code: int, told: str) -> None:
    ended, printed, errors = ran("-c", script)
    assert (ended, printed) == (code, "")
    assert errors.endswith(told)
    assert bool(errors) == bool(told)


def test_nothing_of_one_script_is_left_for_the_next(tmp_path: Path) -> None:
    installation = Installation.at(tmp_path)
    number = (
        "from digest.config import settings; settings.HELD = getattr(settings, 'HELD', 0) + 1; print(settings.HELD)"
    )
    assert [installation.run("-c", number) for _ in range(2)] == ["1\n", "1\n"]
    drawn = "import random; print(random.random())"
    assert installation.run("-c", drawn) != installation.run("-c", drawn)


def test_each_environment_has_settings_of_its_own(tmp_path: Path) -> None:
    shown = "from django.conf import settings; print(settings.SITE_URL)"
    sites = ["https://one.example.org", "https://two.example.org"]
    places = [Installation.at(tmp_path, SITE_URL=site) for site in sites]
    assert [place.run("-c", shown) for place in places * 2] == [f"{site}\n" for site in sites * 2]


def test_a_wrong_setting_is_told_by_the_script(tmp_path: Path) -> None:
    done = start(tmp_path, code="import django; django.setup()", PROXIES="-1")
    assert done.returncode == 1
    assert "PROXIES is '-1'" in done.stderr
    with pytest.raises(AssertionError, match="PROXIES is '-1'"):
        Installation.at(tmp_path, PROXIES="-1").run("-c", "import django; django.setup()")


def test_two_that_run_at_once_are_asked_and_ended_apart(tmp_path: Path) -> None:
    script = "print('ready', flush=True); print(input())"
    one, other = (forks.start("-c", script, environment=Installation.at(tmp_path).environment) for _ in range(2))
    assert [fork.stdout.readline() for fork in (one, other)] == ["ready\n"] * 2
    other.kill()
    assert other.wait() == -signal.SIGKILL
    one.stdin.write("go\n")
    assert (one.communicate(), one.returncode) == (("go\n", None), 0)
    one.kill()
