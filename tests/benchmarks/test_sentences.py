"""``./run bench sentences``: the labels, the rules and the agreement, on invented abstracts and on the recorded ones."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import sentences
from tests.benchmarks.__main__ import main
from tests.benchmarks.sentences import LABELS, NAMES, Labelled, central, kappa
from tests.support.recorded_data import recorded_data

ABSTRACT = "Bees are everywhere. We show that bees count to four. Code is at https://bees.example.org."


def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **row: Any) -> Path:
    """Write one labelled paper for each half, and its abstract."""
    for folder, key in NAMES.items():
        (tmp_path / folder).mkdir()
        line = json.dumps({key: "1", "abstract": ABSTRACT}) + "\n"
        (tmp_path / folder / "papers.jsonl.gz").write_bytes(gzip.compress(line.encode()))
    label = {"sentences": 3, "accepted": {"A": [2], "B": [2, 1]}} | row
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"tune": {"hf_daily/1": label}, "sealed": {"citeulike_a/1": label}}))
    monkeypatch.setattr(sentences, "LABELS", labels)
    return tmp_path


def test_each_rule_and_labeller_has_a_share_and_the_figures_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    assert main(["sentences", "--data", str(given(tmp_path, monkeypatch)), "--json", str(file)]) == 0
    figures = json.loads(file.read_text())
    assert figures["sealed"]["the rule"] == {"A": 1.0, "B": 1.0}
    assert figures["sealed"]["first sentence"] == {"A": 0.0, "B": 1.0}
    assert figures["sealed"]["last sentence"] == {"A": 0.0, "B": 0.0}
    assert figures["kappa"]["tune"] == pytest.approx(0.4)
    assert "the rule" in capsys.readouterr().out


def test_a_share_below_the_bound_is_not_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = given(tmp_path, monkeypatch, accepted={"A": [1], "B": [2]})
    assert main(["sentences", "--data", str(data)]) == 1
    assert "a labeller accepts only 0% of the sealed choices" in capsys.readouterr().err


def test_labels_of_another_splitting_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sentences", "--data", str(given(tmp_path, monkeypatch, sentences=4))]) == 2
    assert "is split into 3 sentences; 4 were labelled" in capsys.readouterr().err


def test_kappa_is_one_for_equal_labels_and_nothing_by_chance() -> None:
    found = ["one", "two", "three", "four"]
    assert kappa([Labelled(found, {"A": [0], "B": [0]})]) == 1.0
    assert kappa([Labelled(found, {"A": [0, 1], "B": [0, 2]})]) == 0.0


def test_the_central_sentence_has_the_words_of_the_others() -> None:
    assert central(["Bees fly.", "Bees that fly count flowers.", "Flowers count."]) == 1


def test_no_paper_is_in_both_halves_and_each_has_a_hundred() -> None:
    halves = json.loads(LABELS.read_text())
    assert [len(papers) for papers in halves.values()] == [100, 100]
    assert not set(halves["tune"]) & set(halves["sealed"])


def test_the_rule_chooses_well_on_the_recorded_abstracts(capsys: pytest.CaptureFixture[str]) -> None:
    if not recorded_data().is_dir():
        pytest.skip(f"recorded data not found at {recorded_data()}: set BROADSHEET_DATA to their folder")
    assert main(["sentences"]) == 0
