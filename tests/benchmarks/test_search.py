"""The known items that search is measured with."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.benchmarks.__main__ import run
from tests.benchmarks.command_line import Refused
from tests.benchmarks.known_items import A_KIND, Recorded, known_items
from tests.benchmarks.recorded_papers import invented

WORDS = "tidal harbours measure northern currents slowly knitting machines colour woollen garments quickly".split()


def papers(count: int) -> list[Recorded]:
    dice = random.Random(5)
    return [
        Recorded(
            f"arxiv:2603.{number:05}",
            f"Self-made {' '.join(dice.sample(WORDS, 5))} {number}",
            "We measure tides. It is as expected.",
            (f"Ada Number{number}",),
        )
        for number in range(count)
    ]


def test_each_kind_has_its_items_and_the_same_seed_gives_the_same() -> None:
    items = known_items(papers(300), seed=1)
    assert Counter(item.kind for item in items) == dict.fromkeys(
        [
            "exact title",
            "words dropped",
            "three rare words",
            "one typo",
            "other number",
            "hyphen",
            "author",
            "arXiv id",
        ],
        A_KIND,
    )
    assert items == known_items(papers(300), seed=1)
    assert items != known_items(papers(300), seed=2)


def test_an_item_differs_from_its_title_as_its_kind_says() -> None:
    titles = {paper.key: paper.title for paper in papers(300)}
    for item in known_items(papers(300), seed=1):
        words = set(titles[item.key].split())
        other = [word for word in item.typed.split() if word not in words]
        if item.kind in ("exact title", "words dropped", "three rare words"):
            assert other == []
        if item.kind in ("one typo", "other number"):
            assert len(other) == 1
        if item.kind == "hyphen":
            assert "Self-made" not in item.typed
        if item.kind == "arXiv id":
            assert item.key.removeprefix("arxiv:") in item.typed


def test_invented_papers_are_made_of_recorded_words() -> None:
    made = list(invented(papers(20), 5, seed=1))
    assert len({paper.key for paper in made}) == 5
    assert all(paper.title and paper.abstract and paper.authors for paper in made)


def test_too_few_papers_are_refused(tmp_path: object) -> None:
    with pytest.raises(Refused, match="at least 1000 papers"):
        run("search", ["--papers", "10", "--data", str(tmp_path)])
