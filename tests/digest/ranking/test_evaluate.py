"""The bench: its measures on made-up cases, and the product's figures on a small recorded set."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from digest.ranking import evaluate
from digest.ranking.evaluate import DataUnreadable, evaluate_ranking, evaluate_trending, ndcg, sets


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


@pytest.mark.parametrize(("name", "task", "most"), [("csfcube", "q1", None), ("citeulike_a", "k0", 60)])
def test_on_recorded_readers_we_are_better_than_plain_bm25(data: Path, name: str, task: str, most: int | None) -> None:
    (line,) = evaluate_ranking(data / "ranking_tasks", name=name, task=task, most=most)
    assert line.cases == (most or 23)
    assert line.ours > line.baseline


def test_on_recorded_votes_we_keep_to_the_accepted_overlap(data: Path) -> None:
    lines, one_day, two_days = evaluate_trending(data / "hf_daily")
    by_name = {line.score: line for line in lines}
    assert min(one_day, two_days) > 100
    assert by_name[evaluate.OURS].two_days >= evaluate.LEAST_OVERLAP
    assert by_name[evaluate.OURS].two_days > by_name["upvotes"].two_days > by_name["random"].two_days
