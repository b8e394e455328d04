"""What a pool holds of the week's papers."""

from __future__ import annotations

from typing import Any

import pytest

from digest.editions import candidate_pool
from digest.editions.candidate_pool import CandidatePool
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Paper
from digest.ranking.matching import Rule
from tests.support.factories import NOON, entry, feed

pytestmark = pytest.mark.django_db
WORDS = ("robots", "proteins", "markets", "glaciers")


@pytest.fixture(autouse=True)
def _edition() -> None:
    papers = [entry(number, title=f"On {word}") for number, word in enumerate(WORDS)]
    shown = feed(*papers, announced_on=NOON.date())
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(NOON.date(), now=NOON)


def matched(pool: CandidatePool) -> dict[str, list[str]]:
    """Return the titles that each word finds."""
    found = pool.index.match([Rule("keyword", word) for word in WORDS]).tocsc()
    return {word: [pool.titles[row] for row in found[:, [column]].indices] for column, word in enumerate(WORDS)}


def test_papers_are_read_some_at_a_time_and_all_columns_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidate_pool, "READ_AT_ONCE", 3)
    pool = CandidatePool.load(NOON)
    titles = Paper.objects.in_bulk(pool.ids.tolist())
    assert pool.titles == [titles[one].title for one in pool.ids.tolist()]
    assert matched(pool) == {word: [f"On {word}"] for word in WORDS}
    assert pool.inside.tolist() == [[True] * 4]


def test_a_paper_that_is_joined_with_another_meanwhile_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def then_removed(edition: Any) -> Any:
        Paper.objects.filter(title="On proteins").delete()
        return archive_of(edition)

    archive_of = candidate_pool.archive_of
    monkeypatch.setattr(candidate_pool, "archive_of", then_removed)
    pool = CandidatePool.load(NOON)
    assert sorted(pool.titles) == ["On glaciers", "On markets", "On robots"]
    assert matched(pool) == {word: [f"On {word}"] * (word != "proteins") for word in WORDS}
    assert len(pool.day.texts) == len(pool.ids) == pool.frozen.shape[1] == pool.inside.shape[1] == 3
