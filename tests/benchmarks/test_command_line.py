"""``./run bench``: which parts there are, what is refused before any work begins, and where the figures go."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import __main__ as bench
from tests.benchmarks import mails, visitors
from tests.benchmarks.command_line import Parser, Refused, Result, add_data_option, find_data
from tests.support.services import ROOT


def test_help_names_every_part_and_each_part_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--help"]) == 0
    printed = capsys.readouterr().out
    for part in bench.PARTS:
        assert f"\n  {part} " in printed
        with pytest.raises(SystemExit) as ended:
            bench.main([part, "--help"])
        assert ended.value.code == 0
        shown = capsys.readouterr().out
        assert shown.startswith(f"usage: ./run bench {part} ")
        assert "--json FILE" in shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nonsense"], "there is no part 'nonsense'; the parts are mails, "),
        ([""], "there is no part ''"),
        (["--nonsense"], "unrecognized arguments: --nonsense; usage: ./run bench mails [-h] [--json FILE] [--quick]"),
        (["visitors", "--quick"], "unrecognized arguments: --quick; usage: ./run bench visitors [-h] [--json FILE]"),
        (["mails", "--qui"], "unrecognized arguments: --qui"),
        pytest.param(
            ["--only", "sending", "--against", "nonsense"],
            "--against nonsense: there is no such revision in /",
            marks=pytest.mark.service,
        ),
        (["--only", "composing", "--against", "HEAD"], "--against measures sending: leave --only composing out."),
        (["--papers", "many"], "argument --papers: invalid int value: 'many'"),
        (["--quick", "--json", "/nowhere/figures.json"], "--json /nowhere/figures.json: there is no folder /nowhere."),
        (["--quick", "--json", "/"], "--json /: no file can be written there."),
        (["visitors", "digest"], "/digest holds something else: name a new folder"),
        (["visitors", "run"], "/run holds something else: name a new folder"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_before_any_work(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(mails.composing_race, "race", lambda *_: pytest.fail("it began"))
    monkeypatch.setattr(visitors, "_run", lambda *_: pytest.fail("it began"))
    assert bench.main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("./run bench: ")
    assert told in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_without_a_part_it_is_mails(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Any] = []
    monkeypatch.setattr(mails, "run", lambda given, out: begun.append(given) or Result({}))
    assert bench.main(["--quick"]) == bench.main(["mails", "--quick"]) == bench.main([]) == 0
    assert [given.quick for given in begun] == [True, True, False]


def test_figures_are_written_at_the_end_also_when_one_is_too_low(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"

    def low(given: argparse.Namespace, out: Any) -> Result:
        assert not file.exists()
        return Result({"pace": 0.5}, why_not="the pace is below 1.")

    monkeypatch.setattr(mails, "run", low)
    assert bench.main(["--json", str(file)]) == 1
    assert capsys.readouterr().err == "./run bench: the pace is below 1.\n"
    figures = json.loads(file.read_text())
    assert (figures["part"], figures["pace"]) == ("mails", 0.5)
    assert set(figures["machine"]) == {"at", "python", "processor", "load"}


def test_ctrl_c_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(given: argparse.Namespace, out: Any) -> Result:
        raise KeyboardInterrupt

    monkeypatch.setattr(mails, "run", stop)
    assert bench.main(["--json", str(tmp_path / "figures.json")]) == 130
    assert not any(tmp_path.iterdir())


def test_recorded_data_are_looked_for_in_three_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    parser = Parser()
    add_data_option(parser)
    monkeypatch.setenv("BROADSHEET_DATA", str(tmp_path / "b"))
    assert find_data(parser.parse_args(["--data", str(tmp_path / "a")]).data) == tmp_path / "a"
    assert find_data(parser.parse_args([]).data) == tmp_path / "b"
    with pytest.raises(Refused, match=r"there is no recorded data at .*/c: give its folder by --data DIR"):
        find_data(tmp_path / "c")
    monkeypatch.delenv("BROADSHEET_DATA")
    expected = ROOT.parent / "shared" / "data"
    if expected.is_dir():
        assert find_data(None) == expected
    else:
        with pytest.raises(Refused):
            find_data(None)


@pytest.mark.service
def test_files_are_named_from_where_the_command_is_typed(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    command = [str(ROOT / "run"), "bench", "--json", "a.json"]
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "./run bench: --json a.json: no file can be written there.\n")
