"""A week of 200 readers in all zones, with an outage, a restore, an upgrade and summer time, against a ledger of promises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT


def simulate(*options: str, report: Path) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-m", "tests.simulate", *options, "--json", str(report)]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, check=False)
    assert report.exists(), done.stderr
    return done.returncode, json.loads(report.read_text())


def test_in_a_week_of_200_readers_ledger_and_database_agree_on_every_reader_and_day(tmp_path: Path) -> None:
    code, found = simulate("--days", "7", "--readers", "200", report=tmp_path / "week.json")
    assert found["disagreements"] == []
    assert code == 0
    # and all of it came about
    kinds = {
        "mail",
        "may have left",
        "too_late",
        "too_soon",
        "paused",
        "suppressed",
        "nothing_matched",
        "no_new_papers",
    }
    assert kinds <= found["days"].keys()
    acts = {
        "confirm",
        "choose",
        "pause",
        "resume",
        "leave",
        "undo",
        "told bounced",
        "told complained",
        "told delivered",
    }
    assert acts <= found["acts"].keys()
    assert found["reader_days"] > 1000
    assert found["mails"] > 500


def test_what_is_done_wrong_once_is_told(tmp_path: Path) -> None:
    told = {
        "lost": "promised mail, the database says nothing",
        "doubled": "one mail too many",
        "ignored": "came to somebody who is not on the list",
    }
    faults = [f"--fault={fault}" for fault in told]
    code, found = simulate("--days", "3", "--readers", "20", *faults, report=tmp_path / "faults.json")
    assert code == 1
    said = found["disagreements"]
    assert {fault for fault, words in told.items() if any(words in one for one in said)} == told.keys(), said
