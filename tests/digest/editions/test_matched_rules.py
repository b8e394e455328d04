"""Rules that one batch of readers shares with the next are matched once, and no batch sees a difference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from digest.editions import candidate_pool
from digest.editions.candidate_pool import CandidatePool, MatchedRules
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.ranking.matching import Rule
from tests.support.factories import NOON, entry, feed

WORDS = ("robots", "proteins", "markets", "glaciers")
BATCHES = ([0, 1], [3, 1, 0], [2], [], [1, 2, 3, 0])


@pytest.fixture
def pool(db: None) -> CandidatePool:
    papers = [entry(number, title=f"On {word}, part {number}") for number, word in enumerate(WORDS * 2)]
    shown = feed(*papers, announced_on=NOON.date())
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(NOON.date(), now=NOON)
    return CandidatePool.load(NOON)


@pytest.mark.parametrize("kept", [2000, 0])
def test_batches_get_what_they_get_alone(pool: CandidatePool, monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    monkeypatch.setattr(candidate_pool, "MOST_RULES", kept)
    matched = MatchedRules(pool)
    for batch in BATCHES:
        rules = [Rule("keyword", WORDS[number]) for number in batch]
        found, alone = matched.against(rules), pool.against(rules)
        assert found.kinds.tolist() == alone.kinds.tolist()
        assert (found.matches != alone.matches).nnz == 0
        assert np.allclose(found.words.toarray(), alone.words.toarray(), atol=1e-6)
        assert np.allclose(found.echo, alone.echo, atol=1e-6)


def test_a_rule_is_matched_once(pool: CandidatePool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Rule] = []
    match = pool.index.match

    def counted(rules: Sequence[Rule]) -> object:
        asked.extend(rules)
        return match(rules)

    monkeypatch.setattr(pool.index, "match", counted)
    matched = MatchedRules(pool)
    for batch in BATCHES:
        matched.against([Rule("keyword", WORDS[number]) for number in batch])
    assert sorted(rule.key for rule in asked) == sorted(WORDS)
