"""Texts as numbers of words: what is saved of them is what would be made of them again."""

from __future__ import annotations

import numpy as np
import pytest

from digest.ranking.matching import Index, Rule
from digest.ranking.tokens import END, TokenBuilder, Tokens, Vocabulary
from tests.support.texts import Text

PAPERS = [
    Text("Robots that walk", "They walk on their own. Dark matter's C++ code"),
    Text("On dark", "matter of robots"),
    Text("", "Dark-matter"),
    Text("Über naïve Roboter", ""),
]
RULES = [
    Rule("keyword", phrase)
    for phrase in ("dark matter", "robot", "walk they", "of robots", "c++", "naive roboter", "zebra", "that", "")
]


def tokens_of(papers: list[Text]) -> Tokens:
    words = TokenBuilder({})
    for paper in papers:
        words.add(paper.title, paper.abstract)
    return Tokens(Vocabulary.of(words.own), words.close(), np.array(words.starts))


@pytest.mark.parametrize("known", [[0, 1, 2, 3], [2, 0], [], [1]], ids=str)
def test_papers_with_tokens_are_found_by_what_finds_them_by_their_words(known: list[int]) -> None:
    tokens = tokens_of([PAPERS[number] for number in known])
    index = Index(tokens=tokens)
    for number, paper in enumerate(PAPERS):
        index.add(paper, token_row=known.index(number) if number in known else -1)
    index.close()
    expected = Index(PAPERS).match(RULES)
    assert expected.nnz == 8
    assert (index.match(RULES) != expected).nnz == 0


def test_the_tokens_of_a_paper_that_is_not_here_are_none() -> None:
    tokens = tokens_of(PAPERS[:2])
    assert [tokens.of(row) is None for row in (-1, 0, 1, 2)] == [True, False, False, True]
    assert all((tokens.of(row) == END).sum() == 2 for row in (0, 1))
    assert Tokens().of(0) is None


@pytest.mark.parametrize("words", [{}, {"": 0}, {"": 0, "wort": 1, "größe": 2}, {"a": 0, "b": 1}], ids=str)
def test_a_vocabulary_is_a_mapping_of_the_same_words(words: dict[str, int]) -> None:
    vocabulary = Vocabulary.of(words)
    assert dict(vocabulary) == words
    assert list(vocabulary) == list(words)
    assert vocabulary == words
    assert [one in vocabulary for one in ("wort", "", "zzz")] == [one in words for one in ("wort", "", "zzz")]
    assert vocabulary.get("zzz", -1) == -1
