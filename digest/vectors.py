"""Read the vectors of titles and of typed words that the operator's model made, if one is set and serves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
from django.conf import settings

from digest.models import StatedVector, TitleVector, VectorModel
from digest.ranking.meaning import DayVectors, Floats, Space

AT_ONCE = 500  # papers of one query


def serving() -> VectorModel | None:
    """Return the model whose vectors are used; no query where none is set."""
    if not (settings.SEMANTIC_MODEL or settings.EMBEDDING_URL):
        return None
    return VectorModel.objects.filter(serving=True).first()


def serving_key() -> tuple[int, datetime | None] | None:
    """Return the number of the model whose vectors are used, and when its space was made. At most one query."""
    if not (settings.SEMANTIC_MODEL or settings.EMBEDDING_URL):
        return None
    return VectorModel.objects.filter(serving=True).values_list("pk", "space_made_at").first()


def vectors_of(papers: Iterable[int], model: VectorModel) -> dict[int, Floats]:
    """Return the vectors (D,) of these papers, by id, float32; those without one are left out."""
    ids = list(papers)
    found: dict[int, Floats] = {}
    for start in range(0, len(ids), AT_ONCE):
        rows = TitleVector.objects.filter(model=model, paper__in=ids[start : start + AT_ONCE])
        for paper, stored in rows.values_list("paper_id", "vector"):
            if (vector := decode(stored, model)) is not None:
                found[paper] = vector
    return found


def day_vectors(papers: Sequence[int]) -> DayVectors | None:
    """Return the vectors of a day's papers, None where no model serves."""
    if (model := serving()) is None or (space := space_of(model)) is None:
        return None
    rows = np.zeros((len(papers), model.dimension), np.float32)
    places = {paper: place for place, paper in enumerate(papers)}
    for paper, vector in vectors_of(papers, model).items():
        rows[places[paper]] = vector
    return DayVectors(rows, space)


def stated_vectors(readers: Sequence[int]) -> Floats | None:
    """Return the vectors (S, D) of the words that these readers typed, zeros where there is none; None without any."""
    if (model := serving()) is None:
        return None
    rows = np.zeros((len(readers), model.dimension), np.float32)
    places = {reader: place for place, reader in enumerate(readers)}
    stored = StatedVector.objects.filter(model=model, subscriber__in=readers).values_list("subscriber_id", "vector")
    for reader, octets in stored:
        if (vector := decode(octets, model)) is not None:
            rows[places[reader]] = vector
    return rows if rows.any() else None


def stated_vector(reader: int, words: Sequence[str]) -> Floats | None:
    """Return the stored vector (1, D) of a reader's typed words, None if it is that of other words."""
    if (model := serving()) is None:
        return None
    rows = StatedVector.objects.filter(model=model, subscriber=reader, words_hash=hash_of(joined(words)))
    vector = next((decode(stored, model) for stored in rows.values_list("vector", flat=True)), None)
    return None if vector is None else vector[None]


def space_of(model: VectorModel) -> Space | None:
    """Return the stored mean and whitening, None while there are none."""
    numbers = np.frombuffer(model.space, "<f4")
    size = model.dimension
    if len(numbers) != size + size * size:
        return None
    return Space(numbers[:size], numbers[size:].reshape(size, size))


def decode(stored: bytes | memoryview, model: VectorModel) -> Floats | None:
    """Return a stored vector as float32, None for an empty one or one of another length."""
    vector = np.frombuffer(stored, "<f2").astype(np.float32)
    return vector if len(vector) == model.dimension else None


def joined(words: Sequence[str]) -> str:
    """Return typed words as the model is given them."""
    return ", ".join(words)


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
