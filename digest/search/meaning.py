"""Find papers whose titles mean the same, by the vectors that the operator's model made, if one serves.

A process keeps the whitened vectors (``digest.ranking.meaning``) as octets, 19 MB for 50,000 papers of 384 numbers:
numpy takes ten times longer to make float32 of float16. A cosine is then off by some .003.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from digest.models import TitleVector, VectorModel
from digest.ranking.meaning import DayVectors, Floats, Space
from digest.vectors import decode, serving_key, space_of

AT_ONCE = 4096  # rows of a product
SCALE = 127

Octets = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class TitleMeanings:
    """The vectors (N, D) of the papers ``ids`` (N,) by the model ``key``; ``newest`` is the last row that was read."""

    key: tuple[int, datetime | None]
    ids: NDArray[np.int64]
    vectors: Octets
    newest: int

    def to(self, paper_id: int) -> MeantAlike | None:
        """Return the likeness of all papers to this one, None if it has no vector."""
        (rows,) = np.nonzero(self.ids == paper_id)
        if not len(rows):
            return None
        mine = self.vectors[rows[-1]].astype(np.float32) / SCALE**2
        found = np.empty(len(self.ids), np.float32)
        for start in range(0, len(found), AT_ONCE):
            found[start : start + AT_ONCE] = self.vectors[start : start + AT_ONCE].astype(np.float32) @ mine
        return MeantAlike(self.ids, found)


@dataclass(frozen=True, slots=True)
class MeantAlike:
    """The ``cosines`` (N,) of the papers ``ids`` (N,) with one paper, which is among them."""

    ids: NDArray[np.int64]
    cosines: Floats

    def first(self, count: int, *, least: float) -> list[int]:
        """Return up to ``count`` papers with a cosine of ``least`` or more, the highest first."""
        (places,) = np.nonzero(self.cosines >= least)
        best: list[int] = self.ids[places[np.argsort(-self.cosines[places], kind="stable")[:count]]].tolist()
        return best

    def of(self, papers: Iterable[int]) -> dict[int, float]:
        """Return the cosines of those of these papers that have a vector."""
        there = np.isin(self.ids, list(papers))
        return dict(zip(self.ids[there].tolist(), self.cosines[there].tolist(), strict=True))


_kept: TitleMeanings | None = None
_reading = threading.Lock()


def meanings() -> TitleMeanings | None:
    """Return the vectors of all titles, None without a model that serves. Two queries, three when titles are new."""
    global _kept
    if (key := serving_key()) is None:
        return None
    with _reading:
        known = _kept if _kept and _kept.key == key else None
        rows = TitleVector.objects.filter(model=key[0], pk__gt=known.newest if known else 0).order_by("pk")
        new = list(rows.values_list("pk", "paper_id", "vector"))
        if new and (model := VectorModel.objects.filter(pk=key[0]).first()) and (space := space_of(model)):
            known = _kept = _with(known, new, key, model, space)
        return known


def _with(
    known: TitleMeanings | None,
    new: Sequence[tuple[int, int, bytes | memoryview]],
    key: tuple[int, datetime | None],
    model: VectorModel,
    space: Space,
) -> TitleMeanings:
    """Return the known vectors and the new rows of TitleVector: number, paper and vector."""
    ids, vectors = ([known.ids], [known.vectors]) if known else ([], [np.empty((0, model.dimension), np.int8)])
    for start in range(0, len(new), AT_ONCE):
        some = [(paper, decode(stored, model)) for _, paper, stored in new[start : start + AT_ONCE]]
        read = {paper: vector for paper, vector in some if vector is not None}
        if read:
            ids.append(np.array(list(read), np.int64))
            vectors.append(octets_of(np.stack(list(read.values())), space))
    return TitleMeanings(key, np.concatenate([np.empty(0, np.int64), *ids]), np.concatenate(vectors), new[-1][0])


def octets_of(vectors: Floats, space: Space) -> Octets:
    """Return the whitened unit rows of vectors (N, D)."""
    octets: Octets = np.rint(DayVectors(vectors, space).whitened * SCALE).astype(np.int8)
    return octets
