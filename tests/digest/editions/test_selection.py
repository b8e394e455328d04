"""Readers are ranked in blocks, which make no difference to what each of them gets."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from digest.editions import candidate_pool, selection
from digest.editions.candidate_pool import CandidatePool
from digest.editions.open_edition import open_edition
from digest.editions.selection import Demand
from digest.ingest import store
from digest.ranking.matching import Rule
from digest.ranking.meaning import DayVectors, Space
from digest.ranking.profiles import Profile, Profiles
from tests.support.factories import NOON, entry, feed

pytestmark = pytest.mark.django_db
WORDS = ("graphs", "robots", "proteins", "markets")


@pytest.mark.parametrize("with_vectors", [False, True])
def test_blocks_of_readers_select_as_all_readers_at_once(monkeypatch: pytest.MonkeyPatch, with_vectors: bool) -> None:
    papers = [
        entry(number, title=f"Paper {number} on {WORDS[number % 4]} and {WORDS[number % 3]}", announced_on=NOON.date())
        for number in range(12)
    ]
    shown = feed(*papers, announced_on=NOON.date())
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(NOON.date(), now=NOON)
    dice = np.random.default_rng(3)
    count = 11
    if with_vectors:
        rows = dice.normal(size=(len(papers), 5)).astype(np.float32)
        monkeypatch.setattr(candidate_pool, "day_vectors", lambda _papers: DayVectors(rows, Space.of(rows)))
    pool = CandidatePool.load(NOON)
    rules = [Rule("keyword", word) for word in WORDS]
    likes = [Profile.of([f"A paper on {WORDS[number % 4]}"] * (number % 3)) for number in range(count)]
    asked = Demand(
        rules=rules,
        wants=csr_array((dice.random((count, 4)) < 0.5).astype(np.float32)),
        mutes=csr_array((dice.random((count, 4)) < 0.2).astype(np.float32)),
        hype=dice.integers(0, 100, count).astype(np.float32),
        limit=dice.integers(1, 6, count).tolist(),
        profiles=Profiles.of(likes),
        stated=dice.normal(size=(count, 5)).astype(np.float32) if with_vectors else None,
    )
    offered = dice.random((count, len(pool.ids))) < 0.8
    matrix = pool.against(rules)
    whole = selection.select(asked, pool, matrix, offered=offered)
    assert len(whole) == count
    assert len({tuple(one.papers) for one in whole}) > 5
    for cells in (1, len(pool.ids) * 4):
        monkeypatch.setattr(selection, "CELLS", cells)
        some = selection.select(asked, pool, matrix, offered=offered)
        assert [one._replace(terms=b"") for one in some] == [one._replace(terms=b"") for one in whole]
        # a product of matrices sums a block in another order than the whole
        assert all(
            np.allclose(np.frombuffer(one.terms, np.float32), np.frombuffer(other.terms, np.float32), atol=1e-4)
            for one, other in zip(some, whole, strict=True)
        )
