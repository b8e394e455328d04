"""The reasons that are told of chosen papers: of each rule its share of a term, of all else the term's name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from digest.editions.told_terms import STANDS_OUT, ToldTerms
from digest.ranking.matching import Rule
from digest.ranking.personal import TERMS

RULES = (
    Rule("topic", "seas", "Seas"),
    Rule("keyword", "tides"),
    Rule("keyword", "salt"),
    Rule("author", "Ada Example"),
)
LIKES = 3
# rules x papers
MATCHES = [[1, 0, 1], [1, 1, 0], [1, 0, 0], [0, 1, 0]]


def told(
    order: list[list[int]],
    contributions: list[list[dict[str, float]]],
    *,
    wants: list[list[int]],
    popularity: tuple[float, ...] = (0.0, 0.0, 0.0),
    picks: dict[int, str] | None = None,
    notes: dict[int, dict[int, str]] | None = None,
    alike: bool = False,
) -> list[list[dict[str, float]]]:
    """Return of each reader the lines that are told of each paper, with their terms."""
    values = [[[terms.get(name, 0.0) for name in TERMS] for terms in row] for row in contributions]
    shape = np.shape(order)
    ranking: Any = SimpleNamespace(
        order=np.array(order),
        contributions=np.array(values),
        alike=np.full(shape, alike),
        close=np.zeros(shape, bool),
    )
    papers: Any = SimpleNamespace(matches=csr_array(np.array(MATCHES, float)))
    pool: Any = SimpleNamespace(popularity=np.array(popularity), notes=picks or {})
    likes = np.full(len(wants), LIKES)
    terms = ToldTerms(RULES, csr_array(np.array(wants, float)), papers, pool, likes=likes)
    found = terms.tell(ranking, notes or {})
    read = []
    for texts, values_of_lines in found:
        left = iter(np.frombuffer(values_of_lines, np.float32).tolist())
        read.append([{line: round(next(left), 3) for line in text.split("\n")} for text in texts])
        assert not list(left)
    return read


def test_a_term_is_divided_among_the_rules_that_the_reader_wants_and_the_paper_matches() -> None:
    terms = {"topic": 1.5, "words": 0.8}
    both = told([[0]], [[terms]], wants=[[1, 1, 1, 0]])
    assert both == [[{"topic Seas": 1.5, "keyword tides": 0.4, "keyword salt": 0.4}]]
    one = told([[0]], [[terms]], wants=[[1, 1, 0, 0]])
    assert one == [[{"topic Seas": 1.5, "keyword tides": 0.8}]]


def test_a_rule_that_the_paper_does_not_match_is_not_told() -> None:
    assert told([[1]], [[{"author": 1000.0}]], wants=[[1, 0, 1, 1]]) == [[{"author Ada Example": 1000.0}]]


def test_trending_is_named_only_of_a_paper_that_stands_out() -> None:
    terms = {"topic": 1.0, "trending": 0.5}
    found = told([[0, 2]], [[terms, terms]], wants=[[1, 0, 0, 0]], popularity=(STANDS_OUT, 0.0, STANDS_OUT - 0.1))
    assert found == [[{"topic Seas": 1.0, "trending": 0.5}, {"topic Seas": 1.0, "popularity": 0.5}]]


def test_a_pick_bears_its_note_that_of_the_reader_before_that_of_all() -> None:
    terms = [[{"pick": 2000.0}, {"pick": 2.0}]] * 2
    wants = [[0, 0, 1, 0], [0, 0, 1, 0]]
    found = told([[1, 2], [1, 2]], terms, wants=wants, picks={1: "For all."}, notes={1: {1: "For you."}})
    assert found == [[{"pick For all.": 2000.0}, {"boost": 2.0}], [{"pick For you.": 2000.0}, {"boost": 2.0}]]


def test_a_reader_without_papers_is_told_nothing_and_the_next_one_theirs() -> None:
    nothing = {"topic": 0.0}
    terms = [[nothing, nothing], [{"topic": 1.0}, nothing]]
    assert told([[-1, -1], [0, -1]], terms, wants=[[1, 0, 0, 0]] * 2) == [[], [{"topic Seas": 1.0}]]


def test_likeness_is_told_with_the_number_of_likes_only_of_a_paper_far_above_the_day() -> None:
    terms = [[{"like_this": 0.7}]]
    assert told([[1]], terms, wants=[[1, 0, 0, 0]], alike=True) == [[{f"like {LIKES}": 0.7}]]
    assert told([[1]], terms, wants=[[1, 0, 0, 0]]) == [[{"taste": 0.7}]]
