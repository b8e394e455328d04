"""``./run bench mails``: it looks at the mails before it prints a figure, and its tables have the form that is promised."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from digest.compose.emails import Mails
from tests.benchmarks import composing, composing_race, correct, day, pipeline, pipeline_race, revision
from tests.benchmarks.__main__ import main
from tests.benchmarks.command_line import Refused
from tests.benchmarks.ground import QUICK, NotRight
from tests.benchmarks.report import Mark
from tests.benchmarks.revision import laid_out
from tests.support.services import ROOT


@pytest.mark.service
def test_a_quick_bench_checks_its_mails_and_prints_its_tables(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--quick", "--json", str(tmp_path / "figures.json")],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "BROADSHEET_VAR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    for title in ("Composing", "Sending", "Where ours goes", "Growth", "Against the marks"):
        assert re.search(f"^{title}", run.stdout, re.MULTILINE), title
    contenders = {name: words for name, words in pipeline_race.ROWS.items() if name != "against"}
    for row in [*composing_race.ROWS.values(), *contenders.values()]:
        assert f"\n{row}  " in run.stdout or f"NOT MEASURED: {row}" in run.stdout
    figures = json.loads((tmp_path / "figures.json").read_text())
    marks = run.stdout.partition("Against the marks")[2]
    assert len(re.findall(r"  (goal reached|accepted|missed)$", marks, re.MULTILINE)) == len(figures["marks"]) >= 9

    for name, found in figures["composing"].items():
        assert len(found["cpu"]) == QUICK.repeats, name
        assert all(value > 0 for value in [*found["cpu"], found["peak"], found["start"]]), name
    assert figures["part"] == "mails"
    assert set(figures["composing"]) == set(composing_race.ROWS)
    for name in contenders.keys() - figures["missing"].keys():
        assert len(figures["sending"][name]) == QUICK.sendings, name
    for name in figures["missing"]:
        assert name == "post_office"
    assert set(figures["sending"]["phases"][0]["phases"]) >= {phase for _, _, phase in pipeline.WATCHED}
    assert 0 < figures["sending"]["ours"][0]["mails"] <= figures["sending"]["ours"][0]["readers"]
    assert 0 < figures["share_of_ceiling"] < 1
    assert figures["ratios"]["to"] == pipeline_race.ROWS["ordinary"]
    for name in contenders.keys() - {"ours"} - figures["missing"].keys():
        assert figures["ratios_to"][name].keys() == {"cpu_a_mail", "mails_per_s"}


@pytest.mark.service
def test_without_a_package_index_a_revision_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout with revisions")
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "UV_OFFLINE": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path))
    assert main(["--only", "sending", "--against", "HEAD"]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("./run bench: --against HEAD: its packages cannot be installed (")
    assert printed.err.count("\n") == 1
    assert printed.out == ""


@pytest.mark.service
def test_a_revision_before_the_known_names_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").touch()
    name = "-c user.name=a -c user.email=a@b.example"
    for words in ("init -q", "add a.txt", f"{name} commit -q -m Begin"):
        subprocess.run(f"git {words}", shell=True, cwd=tmp_path, check=True)  # noqa: S602 (no word is from outside)
    monkeypatch.setattr(revision, "ROOT", tmp_path)
    with pytest.raises(Refused, match="--against HEAD: the bench knows no names of that time"), laid_out("HEAD"):
        pass
    with pytest.raises(Refused, match="--against -x: there is no such revision"), laid_out("-x"):
        pass


def test_a_wrong_mail_leaves_no_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def wrong(*_: Any) -> None:
        raise NotRight("7.eml: the papers in HTML")

    monkeypatch.setattr(composing_race, "race", wrong)
    assert main(["--quick", "--json", str(tmp_path / "figures.json")]) == 1
    printed = capsys.readouterr()
    assert printed.err == "./run bench: no figures, since a mail is not right. 7.eml: the papers in HTML\n"
    assert printed.out == ""
    assert not any(tmp_path.iterdir())


def test_a_mark_is_reached_accepted_or_missed_whichever_way_is_better() -> None:
    assert [Mark("x", value, 5, 15).verdict for value in (4.9, 5, 14, 15)] == [
        "missed",
        "accepted",
        "accepted",
        "goal reached",
    ]
    assert [Mark("x", value, 1.1, 1.0, least=False).verdict for value in (1.2, 1.1, 1.0)] == [
        "missed",
        "accepted",
        "goal reached",
    ]
    assert Mark("x", 900, 300, None).verdict == "accepted"


@pytest.fixture
def folder(db: None, tmp_path: Path) -> Path:
    """One mail of an invented day."""
    day.create_edition(papers=60, older=0)
    ids = day.full_digests(2)
    for name in ("mails", "others"):
        (tmp_path / name).mkdir()
    composing.Rounds("ours").first(ids[:1], str(tmp_path / "mails"))
    composing.Rounds("ours").first(ids[1:], str(tmp_path / "others"))
    return tmp_path / "mails"


def test_a_right_mail_passes_and_a_missing_one_does_not(folder: Path) -> None:
    assert correct.check_folder(str(folder), 1, correct.check) == {"right": 1, "wrong": ""}
    assert "not 2" in correct.check_folder(str(folder), 2, correct.check)["wrong"]


SPOILT: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "a header is gone": ("headers", lambda mail: mail.replace(b"List-Unsubscribe-Post:", b"X-Post:")),
    "a header is there twice": ("headers", lambda mail: b"List-Id: x\r\n" + mail),
    "the subject is another": ("Subject", lambda mail: mail.replace(b"\r\nSubject: ", b"\r\nSubject: x")),
    "it goes to somebody else": ("To", lambda mail: mail.replace(b"\r\nTo: reader", b"\r\nTo: leader")),
    "its links are another reader's": ("does not open", lambda mail: mail.replace(b"0" * 21, b"1" * 21)),
    "a line is too long": (
        "a line",
        lambda mail: mail.replace(b"\r\nDate:", b"\r\nX-Long: " + b"x" * 999 + b"\r\nDate:"),
    ),
    "a line ends in a bare newline": ("bare", lambda mail: mail.replace(b"\r\nDate:", b"\nDate:")),
    "a space is another": ("octet", lambda mail: mail.replace(b"new papers came", b"new  papers came")),
    "a word is another": ("the text part", lambda mail: mail.replace(b"new papers came", b"old papers came")),
    "the second part is gone": ("parts", lambda mail: mail.replace(b"text/html", b"text/plain")),
    "a boundary is open": ("defects", lambda mail: mail.removesuffix(b"--\r\n")),
    "it is no mail of ours": ("a delivery", lambda mail: mail.replace(b"Message-ID: <d.", b"Message-ID: <e.")),
}


def test_a_spoilt_mail_is_found_out_and_why(folder: Path) -> None:
    path = next(folder.iterdir())
    before = path.read_bytes()
    for how, (why, spoil) in SPOILT.items():
        path.write_bytes(spoil(before))
        assert path.read_bytes() != before, how
        found = correct.check_folder(str(folder), 1, correct.check)
        assert found["right"] == 0, how
        assert why in found["wrong"], how


def test_papers_that_are_not_the_row_s_are_found_out(folder: Path) -> None:
    """The full render is wrong in the same way here, so only the row can tell."""
    row = composing.rows_of(day.full_digests(1))[0]
    row.paper_ids.reverse()
    row.content.save(update_fields=["paper_ids"])
    mails = Mails()
    mails.read_cards([row])
    octets = next(folder.iterdir()).read_bytes()
    with pytest.raises(correct.Wrong):
        correct.check(octets, row, mails)


def test_a_mail_of_another_reader_is_found_out(folder: Path) -> None:
    row = composing.rows_of(day.full_digests(1))[0]
    mails = Mails()
    mails.read_cards([row])
    other = next((folder.parent / "others").iterdir()).read_bytes()
    with pytest.raises(correct.Wrong):
        correct.check(other, row, mails)
