"""What ./run installs for the settings that are there, and its audit of the locks."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import pytest

from tests.support.http_server import Answer, serve
from tests.support.paths import ROOT

pytestmark = [pytest.mark.service, pytest.mark.slow]
LOCKS = {path.name: path.read_text() for path in ROOT.glob("requirements*.txt")}
SAYS_WHETHER_IT_IS_THERE = """
from importlib.util import find_spec
print("harmless is here" if find_spec("harmless") else "harmless is missing")
"""
SAYS_THAT_IT_WAS_STOPPED = """
import sys, time
from pathlib import Path
try:
    (Path(__file__).parent / "begun").touch()
    time.sleep(60)
except KeyboardInterrupt:
    print("Stopped by Ctrl-C.", file=sys.stderr)
    sys.exit(130)
"""


def harmless_wheel(folder: Path) -> str:
    """Write a package of one empty module as a wheel; return its line of a lock."""
    record = "harmless.py,sha256={},0\nharmless-1.0.dist-info/WHEEL,,\nharmless-1.0.dist-info/METADATA,,\nharmless-1.0.dist-info/RECORD,,\n"
    empty = base64.urlsafe_b64encode(hashlib.sha256(b"").digest()).rstrip(b"=").decode()
    path = folder / "harmless-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("harmless.py", "")
        wheel.writestr("harmless-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("harmless-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: harmless\nVersion: 1.0\n")
        wheel.writestr("harmless-1.0.dist-info/RECORD", record.format(empty))
    return f"harmless @ {path.as_uri()} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def environment(**settings: str) -> dict[str, str]:
    """The environment of these tests without the settings that ./run reads from it, and with the given ones."""
    read = ("MAIL_PROVIDER", "BROADSHEET_MODE", "BROADSHEET_VAR", "DATABASE_URL", "SEMANTIC_MODEL")
    return {name: value for name, value in os.environ.items() if name not in read} | settings


def manage(folder: Path, **settings: str) -> str:
    """Run ./run manage check in this folder, whose manage.py says whether the package is there."""
    done = subprocess.run(
        [folder / "run", "manage", "check"], env=environment(**settings), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def lay_out(folder: Path) -> Path:
    """Put the real ./run there, an empty lock, and a lock for Amazon SES with a harmless package."""
    shutil.copy(ROOT / "run", folder / "run")
    (folder / "manage.py").write_text(SAYS_WHETHER_IT_IS_THERE)
    (folder / "requirements.txt").write_text("# nothing\n")
    (folder / "requirements-ses.txt").write_text(harmless_wheel(folder))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return lay_out(tmp_path)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which ./run has installed an empty lock."""
    folder = lay_out(tmp_path_factory.mktemp("first"))
    assert manage(folder) == "harmless is missing"
    return folder


@pytest.fixture
def used_folder(first: Path, folder: Path) -> Path:
    """The same as ``folder`` with that of ``first`` installed: copied, because Python takes seconds to make it."""
    shutil.copytree(first / ".venv", folder / ".venv", symlinks=True)
    return folder


def test_the_packages_of_amazon_ses_are_installed_when_it_is_the_provider_and_only_then(used_folder: Path) -> None:
    assert manage(used_folder) == "harmless is missing"
    assert manage(used_folder, MAIL_PROVIDER="smtp") == "harmless is missing"
    (used_folder / ".env").write_text('SITE_URL=https://digest.example.org\nMAIL_PROVIDER="Amazon_SES"\n')
    # the environment goes before the file, as in the settings
    assert manage(used_folder, MAIL_PROVIDER="smtp") == "harmless is missing"
    assert manage(used_folder) == "harmless is here"


def test_the_packages_of_a_model_for_titles_are_installed_when_its_folder_is_set_and_only_then(
    used_folder: Path,
) -> None:
    (used_folder / "requirements-semantic.txt").write_text((used_folder / "requirements-ses.txt").read_text())
    model = used_folder / "models" / "minilm"
    model.mkdir(parents=True)
    assert manage(used_folder, SEMANTIC_MODEL="") == "harmless is missing"
    (used_folder / ".env").write_text(f"SEMANTIC_MODEL={model}\n")
    (model / "model.onnx").touch()
    assert manage(used_folder) == "harmless is missing"
    (model / "tokenizer.json").touch()
    assert manage(used_folder) == "harmless is here"


def test_a_folder_without_a_model_is_named_and_its_packages_are_not_set_up(used_folder: Path) -> None:
    (used_folder / "requirements-semantic.txt").write_text((used_folder / "requirements-ses.txt").read_text())
    command = [used_folder / "run", "manage", "check"]
    done = subprocess.run(command, env=environment(SEMANTIC_MODEL="/nope"), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "harmless is missing\n")
    assert "run: SEMANTIC_MODEL is /nope, where no model.onnx and tokenizer.json can be seen" in done.stderr
    assert "Setting up" not in done.stderr


def test_the_packages_of_an_optional_part_are_set_up_once_with_all_others(folder: Path) -> None:
    done = subprocess.run(
        [folder / "run", "manage"],
        env=environment(MAIL_PROVIDER="amazon_ses"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.count("Setting up Python packages") == 1


def test_an_installation_that_sends_by_amazon_ses_keeps_its_packages_over_an_upgrade(used_folder: Path) -> None:
    assert manage(used_folder, MAIL_PROVIDER="amazon_ses") == "harmless is here"
    (used_folder / "requirements.txt").write_text("# the next version\n")
    assert manage(used_folder, MAIL_PROVIDER="amazon_ses") == "harmless is here"


def errors_of_stopped(folder: Path, *, begun: Path) -> str:
    """Run ./run manage check, press Ctrl-C as soon as the file is there, and return what was printed as errors."""
    process = subprocess.Popen(
        [folder / "run", "manage", "check"],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # a terminal sends Ctrl-C to the whole group
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    until = time.monotonic() + 60
    while not begun.exists() and time.monotonic() < until and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    return errors


def test_a_set_up_that_is_stopped_prints_one_sentence_and_is_done_again_the_next_time(folder: Path) -> None:
    # the packages of pip are unpacked after this file is written, which takes seconds
    errors = errors_of_stopped(folder, begun=folder / ".venv" / "pyvenv.cfg")
    assert [line for line in errors.splitlines() if not line.endswith("...")] == [
        "(working on the sample database)",
        "Stopped; run it again to go on.",
    ]
    assert manage(folder) == "harmless is missing"


def test_a_command_that_is_stopped_before_the_database_is_ready_says_it_once(used_folder: Path) -> None:
    (used_folder / "manage.py").write_text(SAYS_THAT_IT_WAS_STOPPED)
    errors = errors_of_stopped(used_folder, begun=used_folder / "begun")
    assert errors.splitlines() == ["(working on the sample database)", "Stopped by Ctrl-C."]


def test_a_full_disk_during_the_set_up_is_named_in_one_sentence(folder: Path, tmp_path: Path) -> None:
    python = tmp_path / "python-on-a-full-disk"
    python.write_text("#!/bin/sh\n[ $1 = -m ] || exit 0\necho 'OSError: [Errno 28] No space left on device'\nexit 1\n")
    python.chmod(0o755)
    # without uv, which takes the place of pip where it is
    env = os.environ | {"PYTHON": str(python), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([folder / "run", "manage", "check"], env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert re.fullmatch(
        r"run: The disk is full: the packages need about \d+ MB, and \d+ MB are free\. Free some space and run it again\.",
        done.stderr.splitlines()[-1],
    )
    assert "Errno" not in done.stderr


def test_packages_that_cannot_be_had_are_named_with_what_to_do(used_folder: Path) -> None:
    (used_folder / "requirements.txt").write_text(f"none-of-this-name==1 --hash=sha256:{'0' * 64}\n")
    env = os.environ | {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1"}
    done = subprocess.run([used_folder / "run", "manage", "check"], env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert "none-of-this-name" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("run: The packages could not be set up; the reason is above.")


@pytest.mark.parametrize(
    ("arguments", "asked", "mode", "said"),
    [
        (["--date", "2026-11-30"], "", "sample", ""),
        (["--date", "2026-11-30"], "live", "live", ""),
        (["--date=2026-11-30"], "rehearsal", "rehearsal", ""),
        (["--date", "2026-11-30", "--from", "day.xml"], "", "rehearsal", ""),
        (["--from=day.xml"], "rehearsal", "rehearsal", ""),
        (
            ["--date", "2026-11-30", "--from", "day.xml"],
            "live",
            "rehearsal",
            "(--from is always a rehearsal, so BROADSHEET_MODE=live does not count)\n",
        ),
        (["--help"], "live", "live", ""),
    ],
)
def test_a_mode_that_is_set_goes_before_what_the_arguments_of_digest_suggest(
    used_folder: Path, arguments: list[str], asked: str, mode: str, said: str
) -> None:
    (used_folder / "manage.py").write_text('import os\nprint(os.environ["BROADSHEET_MODE"])\n')
    command = [used_folder / "run", "digest", *arguments]
    in_environment = subprocess.run(command, env=environment(BROADSHEET_MODE=asked), capture_output=True, text=True)
    (used_folder / ".env").write_text(f"BROADSHEET_MODE={asked}\n")
    in_file = subprocess.run(command, env=environment(), capture_output=True, text=True)
    for done in (in_environment, in_file):
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{mode}\n", said)


@pytest.mark.parametrize(
    "line",
    [
        b"BROADSHEET_VAR=%b\r",
        b'\xef\xbb\xbfBROADSHEET_VAR="%b"\r',
        b"BROADSHEET_VAR = %b  ",
        b" export  BROADSHEET_VAR=%b",
    ],
)
def test_a_setting_is_found_as_windows_and_with_blanks_it_is_written(
    used_folder: Path, tmp_path: Path, line: bytes
) -> None:
    """Else the real days that are there would not be seen, and the sample day would be served."""
    var = tmp_path / "real days"
    var.mkdir()
    (var / "broadsheet.sqlite3").touch()
    (used_folder / "manage.py").write_text('import os\nprint(os.environ["BROADSHEET_MODE"])\n')
    (used_folder / ".env").write_bytes(line % str(var).encode() + b"\nPROXIES=1\n")
    done = subprocess.run([used_folder / "run", "manage"], env=environment(), capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "live\n", "")


def test_only_the_lock_for_amazon_ses_and_that_of_the_tests_have_its_packages() -> None:
    assert {name for name, lock in LOCKS.items() if "\nbotocore==" in lock} == {
        "requirements-ses.txt",
        "requirements-dev.txt",
    }


@pytest.mark.parametrize("name", sorted(set(LOCKS) - {"requirements.txt"}))
def test_each_lock_holds_all_of_the_packages_that_every_installation_needs(name: str) -> None:
    def versions(lock: str) -> set[str]:
        return {line.rstrip(" \\") for line in lock.splitlines() if line[:1].isalnum()}

    assert versions(LOCKS["requirements.txt"]) < versions(LOCKS[name])


@pytest.mark.parametrize(
    ("argument", "code", "said"), [("--help", 0, "usage: ./run"), ("now", 2, "audit takes no argument")]
)
def test_an_audit_with_an_argument_asks_nobody(argument: str, code: int, said: str) -> None:
    done = subprocess.run([ROOT / "run", "audit", argument], capture_output=True, text=True)
    assert (done.returncode, said in done.stdout + done.stderr) == (code, True)
    assert "requirements" not in done.stdout


def test_the_audit_names_what_an_advisory_says_of_a_package_and_the_lock_that_got_no_answer() -> None:
    advisory = {
        "id": "TEST-1",
        "affected": [{"package": {"name": "waitress", "ecosystem": "PyPI"}, "versions": ["3.0.2"]}],
    }
    *answered, last = sorted(LOCKS)

    def answer(handler: object) -> None:
        asked = [json.loads(request.body)["package"]["name"] for request in web.log]
        if asked.count("waitress") > len(answered):
            Answer(status=503)(handler)
        else:
            Answer(json.dumps({"vulns": [advisory] if asked[-1] == "waitress" else []}).encode())(handler)

    with serve({"/query": [answer]}) as web:
        done = subprocess.run(
            [ROOT / "run", "audit"], env=os.environ | {"OSV_URL": web.url("/query")}, capture_output=True, text=True
        )
    if "pip-audit could not be installed" in done.stderr:
        pytest.skip("pip-audit cannot be installed here: no package index can be reached")
    assert done.returncode == 1
    assert len(re.findall(r"^waitress +3\.0\.2 +TEST-1", done.stdout, re.M)) == len(answered)
    assert all(f"{name}:" in done.stdout for name in LOCKS)
    assert f"{last} WAS NOT AUDITED" in done.stderr
