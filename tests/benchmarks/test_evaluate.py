"""``./run bench ranking`` and ``trending``: their measures on made-up cases, and the product's figures on a small recorded set."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from tests.benchmarks import evaluate
from tests.benchmarks.__main__ import main
from tests.benchmarks.evaluate import DataUnreadable, evaluate_ranking, evaluate_trending, ndcg, sets
from tests.benchmarks.reading_hours import evaluate_reading_hours


def write(path: Path, rows: list[dict]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)


def test_ndcg_is_1_for_the_ideal_order_and_0_when_nothing_is_found() -> None:
    assert ndcg(["a", "b", "c"], {"a": 3, "b": 1}) == pytest.approx(1)
    assert ndcg(["c", "d"], {"a": 3, "b": 1}) == 0
    assert ndcg(["c", "a"], {"a": 1}) == pytest.approx(0.6309, abs=1e-4)
    assert ndcg(["a"], {}) == 0


def test_a_users_cases_are_averaged_before_the_users(tmp_path: Path) -> None:
    papers = [{"id": name, "title": f"{name} alone", "abstract": ""} for name in ("bees", "wasps", "ants")]
    case = {"task": "k0", "categories": [], "likes": [], "pool": ["ants", "wasps", "bees"]}
    hit = {**case, "words": ["bees"], "relevant": {"bees": 1}}
    miss = {**case, "words": ["bees"], "relevant": {"elephants": 1}}
    write(tmp_path / "toy.papers.jsonl.gz", papers)
    write(tmp_path / "toy.cases.jsonl.gz", [{**hit, "user": "Ada"}, {**miss, "user": "Ada"}, {**hit, "user": "Bo"}])
    done: list[int] = []
    (line,) = evaluate_ranking(tmp_path, name="toy", progress=done.append)
    assert (line.cases, line.users, line.ours, line.baseline) == (3, 2, pytest.approx(0.75), pytest.approx(0.75))
    assert line.least is None
    assert line.enough
    assert sum(done) == 3
    assert sets(tmp_path) == {"toy": 3}


def test_the_ranking_bench_compares_with_an_earlier_revision_what_ranking_costs_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ranking", "--data", str(tmp_path), "--against", "HEAD"]) == 2
    assert "--against measures the cost: give --cost too" in capsys.readouterr().err


def test_the_ranking_bench_prints_its_table_and_writes_the_same_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = tmp_path / "ranking_tasks"
    tasks.mkdir()
    write(tasks / "csfcube.papers.jsonl.gz", [{"id": "bees", "title": "Bees", "abstract": ""}])
    case = {"task": "q1", "user": "Ada", "words": ["bees"], "categories": [], "likes": [], "pool": ["bees"]}
    write(tasks / "csfcube.cases.jsonl.gz", [{**case, "relevant": {"bees": 1}}])
    arguments = ["ranking", "--data", str(tmp_path), "--json", str(tmp_path / "figures.json")]
    assert main(arguments) == 0
    assert re.search(
        r"^csfcube +q1 +1 +1 +1\.000 +1\.000 +1\.000-1\.000 +0\.531 +0\.570$", capsys.readouterr().out, re.MULTILINE
    )
    found = json.loads((tmp_path / "figures.json").read_text())
    assert found["csfcube"] == {"q1": pytest.approx(1)}
    (line,) = found["lines"]
    assert line["accepted"]
    assert (line["name"], line["task"], line["cases"], line["ours"]) == ("csfcube", "q1", 1, pytest.approx(1))

    write(tasks / "csfcube.cases.jsonl.gz", [{**case, "relevant": {"wasps": 1}}])
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert "too low" in printed.out
    assert printed.err == "./run bench: at least one figure is below what is accepted.\n"
    assert not json.loads((tmp_path / "figures.json").read_text())["lines"][0]["accepted"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["ranking"], "There are no ranking tasks"),
        (["trending"], "later_upvotes.jsonl.gz cannot be read"),
        (["trending", "--data", "/nowhere"], "there is no recorded data at /nowhere"),
        (["ranking", "--model", "/nowhere"], "/nowhere has no model.onnx and no tokenizer.json"),
        (["ranking", "--task", "k1"], "argument --task: invalid choice: 'k1'"),
    ],
)
def test_absent_data_are_told_in_one_line(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BROADSHEET_DATA", str(tmp_path))
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert told in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_an_unknown_set_is_told_with_those_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ranking_tasks").mkdir()
    write(tmp_path / "ranking_tasks" / "toy.cases.jsonl.gz", [])
    assert main(["ranking", "--data", str(tmp_path), "--set", "game"]) == 2
    assert capsys.readouterr().err.endswith("ranking_tasks, only toy.\n")


def test_a_folder_without_tasks_or_with_a_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataUnreadable, match="no ranking tasks"):
        sets(tmp_path)
    (tmp_path / "toy.papers.jsonl.gz").write_bytes(b"not gzip")
    with pytest.raises(DataUnreadable, match=r"toy\.papers\.jsonl\.gz cannot be read"):
        evaluate_ranking(tmp_path, name="toy")
    write(tmp_path / "toy.papers.jsonl.gz", [])
    with pytest.raises(DataUnreadable, match=r"toy\.cases\.jsonl\.gz cannot be read"):
        evaluate_ranking(tmp_path, name="toy")
    with pytest.raises(DataUnreadable, match="later_upvotes"):
        evaluate_trending(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "task", "most"), [("csfcube", "q1", None), ("citeulike_a", "k0", 60)])
def test_on_recorded_readers_we_are_better_than_plain_bm25(data: Path, name: str, task: str, most: int | None) -> None:
    (line,) = evaluate_ranking(data / "ranking_tasks", name=name, task=task, most=most)
    assert line.cases == (most or 23)
    assert line.ours > line.baseline


@pytest.mark.slow
def test_on_recorded_votes_we_keep_to_the_accepted_overlap(data: Path) -> None:
    lines, one_day, two_days = evaluate_trending(data / "hf_daily")
    by_name = {line.score: line for line in lines}
    assert min(one_day, two_days) > 100
    assert by_name[evaluate.OURS].two_days >= evaluate.LEAST_OVERLAP
    assert by_name[evaluate.OURS].two_days > by_name["upvotes"].two_days > by_name["random"].two_days


@pytest.mark.slow
def test_a_later_reading_of_votes_finds_more_of_the_papers_that_have_most_in_the_end(data: Path) -> None:
    morning, midnight = evaluate_reading_hours(data / "hf_daily")
    assert morning.days == midnight.days
    assert midnight.one_day > morning.one_day
    assert midnight.two_days > morning.two_days
