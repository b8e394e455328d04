"""Compare papers, profiles and typed words by vectors of titles, of whatever model the operator gives.

Vectors of one model share a direction, and some directions vary far more than others. So the archive's mean is
subtracted, and for likes each direction is divided by its spread (whitening with a ridge of the mean variance).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Space:
    """The archive's ``mean`` (D,) and the matrix ``whitening`` (D, D) of its covariance V diag(l) V'."""

    mean: Floats
    whitening: Floats

    @staticmethod
    def of(vectors: NDArray[np.floating]) -> Space:
        """Return the space of N vectors (N, D); W = V (l + tr / D)^-1/2, computed in float64."""
        rows = np.asarray(vectors, np.float64)
        size = rows.shape[1]
        mean = rows.mean(axis=0) if len(rows) else np.zeros(size)
        centred = rows - mean
        spread, directions = np.linalg.eigh(centred.T @ centred / max(len(rows), 1))
        ridge = spread.clip(0) + max(float(spread.clip(0).mean()), 1e-9)
        return Space(mean.astype(np.float32), (directions / np.sqrt(ridge)).astype(np.float32))


class DayVectors:
    """A day's P papers in a space; a paper without a vector, a row of zeros, is like nothing."""

    def __init__(self, vectors: Floats, space: Space) -> None:
        self.space = space
        self.missing = ~vectors.any(axis=1)
        self.moved: Floats = vectors - space.mean
        self.moved[self.missing] = 0

    @cached_property
    def centred(self) -> Floats:
        """Return unit rows (P, D)."""
        return unit_rows(self.moved)

    @cached_property
    def whitened(self) -> Floats:
        """Return unit rows (P, D)."""
        whitened: Floats = self.moved @ self.space.whitening
        return unit_rows(whitened)

    def fit(self, vectors: Floats | None) -> TypeGuard[Floats]:
        """Return whether there are vectors, of this model as far as their length tells."""
        return vectors is not None and vectors.shape[1] == len(self.space.mean) and bool(vectors.any())

    def like(self, sums: Floats, weights: Floats) -> Floats:
        """Return the likeness (S, P) to profiles: weighted sums of vectors (S, D), and the sums of their weights."""
        likeness: Floats = (sums - weights[:, None] * self.space.mean) @ self.space.whitening @ self.whitened.T
        return likeness

    def about(self, vectors: Floats) -> Floats:
        """Return the likeness (S, P) to the vectors of typed words (S, D); 0 for a row of zeros."""
        asked = vectors - self.space.mean
        asked[~vectors.any(axis=1)] = 0
        likeness: Floats = unit_rows(asked) @ self.centred.T
        return likeness


def unit_rows(rows: Floats) -> Floats:
    """Return rows of length 1; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = np.divide(rows, np.where(lengths > 1e-9, lengths, 1), dtype=np.float32, casting="same_kind")
    return unit
