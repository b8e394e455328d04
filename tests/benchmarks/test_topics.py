"""``./run bench topics``: the default topics file labelled papers as people do, and what was filed wrongly is not."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks.topics import (
    LABELS,
    LEAST,
    SETS,
    Text,
    evaluate_topics,
    filed,
    rules_of_before,
    rules_of_today,
    score,
)
from tests.support.recorded_data import recorded_data


def test_the_topics_file_recorded_papers_as_people_do() -> None:
    data = recorded_data()
    if not all((data / name / "papers.jsonl.gz").exists() for name in SETS):
        pytest.skip(f"no recorded papers in {data}: set BROADSHEET_DATA")
    for half, scores in evaluate_topics(data).items():
        assert scores["rules"].f1 >= LEAST[half]
        assert scores["rules"].f1 > scores["earlier rules"].f1 + 0.1


@pytest.mark.parametrize(
    ("title", "categories", "wrong"),
    [
        ("Forced alignment for a speech recogniser", ("eess.AS",), "safety-and-fairness"),
        ("Fine-grained manipulation of colour in pictures", ("cs.CV",), "robotics"),
        ("How opinions spread", ("physics.soc-ph",), "fluids-light-and-matter"),
        ("A prime example of parsing", ("cs.CL",), "number-theory"),
        ("Dead neurons in deep networks", ("cs.LG",), "neuroscience"),
        ("Public transit in large cities", ("cs.CY",), "stars-and-planets"),
    ],
)
def test_a_word_with_two_meanings_files_nothing(title: str, categories: tuple[str, ...], wrong: str) -> None:
    texts = {"it": Text(title, "", categories)}
    assert ("it", wrong) not in filed(rules_of_today(), texts)
    assert ("it", wrong) in filed(rules_of_before(), texts)


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Aligning: safety alignment of a chat model", "safety-and-fairness"),
        ("Text-to-video generation in one step", "vision"),
        ("An LLM that reads maps", "language"),
        ("A humanoid that climbs", "robotics"),
    ],
)
def test_a_paper_without_categories_is_filed_by_its_words(title: str, slug: str) -> None:
    assert ("it", slug) in filed(rules_of_today(), {"it": Text(title, "", ())})


def test_labels_are_slugs_of_topics_and_no_paper_is_in_both_halves() -> None:
    labels = json.loads(LABELS.read_text())
    slugs = {rule.key for rule in rules_of_today()}
    assert {
        slug for half in labels.values() for said in half.values() for some in said.values() for slug in some
    } <= slugs
    assert not labels["tune"].keys() & labels["sealed"].keys()
    assert [len(half) for half in labels.values()] == [100, 100]


def test_a_score_is_that_of_its_definition() -> None:
    found = score({("a", "x"), ("a", "y")}, {("a", "x"), ("b", "x"), ("c", "x"), ("d", "x")})
    assert (found.precision, found.recall, found.f1) == (0.5, 0.25, pytest.approx(1 / 3))
