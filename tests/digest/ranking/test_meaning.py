"""Vectors of titles: centred, whitened, and nothing where there is no vector."""

from __future__ import annotations

import numpy as np
import pytest

from digest.ranking.meaning import DayVectors, Space

RNG = np.random.default_rng(3)
ROWS = (RNG.normal(size=(400, 6)) * [9, 3, 1, 1, 0.5, 0.1] + 4).astype(np.float32)


def test_whitening_gives_all_directions_a_like_spread() -> None:
    space = Space.of(ROWS)
    spread = ((ROWS - space.mean) @ space.whitening).std(axis=0)
    assert np.allclose(ROWS.mean(axis=0), space.mean, atol=1e-4)
    assert spread.max() / spread.min() < ROWS.std(axis=0).max() / ROWS.std(axis=0).min() / 2


def test_a_paper_without_a_vector_is_like_nothing_and_changes_nothing() -> None:
    rows = ROWS[:5].copy()
    rows[2] = 0
    day = DayVectors(rows, Space.of(ROWS))
    like, about = day.like(rows[:1], np.ones(1, np.float32)), day.about(rows[[0, 2]])
    assert like[0, 2] == 0
    assert like[0].argmax() == 0
    assert about[0, 2] == 0
    assert not about[1].any()
    assert np.isfinite(like).all()


@pytest.mark.parametrize("rows", [np.zeros((0, 4)), np.zeros((3, 4)), np.ones((3, 4))])
def test_an_archive_that_tells_nothing_has_a_space_without_nan(rows: np.ndarray) -> None:
    space = Space.of(rows)
    day = DayVectors(np.ones((2, 4), np.float32), space)
    assert np.isfinite(day.whitened).all()
    assert np.isfinite(day.like(np.ones((1, 4), np.float32), np.ones(1, np.float32))).all()


def test_vectors_of_another_length_do_not_fit() -> None:
    day = DayVectors(ROWS, Space.of(ROWS))
    assert day.fit(ROWS[:1])
    assert not day.fit(None)
    assert not day.fit(np.ones((1, 7), np.float32))
    assert not day.fit(np.zeros((1, 6), np.float32))
