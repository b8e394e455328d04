"""Make the vectors that are missing, the newest papers first, and change to a new model when it has them all."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from digest.models import ListEntry, Paper, ReaderProfile, StatedVector, TextsVector, TitleVector, VectorModel, Verdict
from digest.ranking.meaning import Floats, Space
from digest.reader_data import profiles
from digest.semantic.endpoint import Endpoint
from digest.semantic.onnx_model import ModelUnusable, OnnxModel
from digest.vectors import decode, hash_of, joined
from subscriptions.models import Preference, Subscriber
from subscriptions.unicode_text import normalise

logger = logging.getLogger(__name__)
RUN = 20.0  # seconds in which a run begins further batches; the next begins in the next minute
BATCH = 64  # texts
SURELY = 8  # texts: where none of so many gets a number, the fault is the model's and may pass
LONGEST = 1000  # characters of a title
ARCHIVE = timedelta(days=45)  # papers first seen in this time have vectors, and those that readers like
MOST = 10_000  # vectors of which mean and spread are computed
SPACE_LASTS = timedelta(days=30)
REST = timedelta(minutes=10)  # until a model that failed is tried again, unless it names a pause itself
LEAST_REST = timedelta(minutes=1)  # whatever it asks for
_rests_until: dict[str, float] = {}  # by the monotonic clock


class Embedder(Protocol):
    """A model or an endpoint."""

    name: str

    def embed(self, texts: Sequence[str]) -> Floats:
        """Return unit vectors (N, D), NaN where there is no number. Raises ModelUnusable."""


def embedder() -> Embedder | None:
    """Return what the settings name, None if nothing. Raises ModelUnusable."""
    if settings.SEMANTIC_MODEL:
        folder = Path(settings.SEMANTIC_MODEL)
        marks = tuple((file.stat().st_size, file.stat().st_mtime_ns) for file in folder.glob("*") if file.is_file())
        return _loaded(folder, marks)
    return Endpoint() if settings.EMBEDDING_URL else None


@lru_cache(maxsize=1)
def _loaded(folder: Path, marks: tuple[tuple[int, int], ...]) -> OnnxModel:
    # marks: other files in the folder are another model
    return OnnxModel(folder)


def write_vectors(now: datetime) -> None:
    """Make missing vectors for some seconds; a model that fails is left alone for REST, or as long as it asks for."""
    setting = settings.SEMANTIC_MODEL or settings.EMBEDDING_URL
    if not setting or time.monotonic() < _rests_until.get(setting, 0.0):
        return
    try:
        if asked := embedder():
            _write(asked, now)
        _rests_until.pop(setting, None)
    except ModelUnusable as error:
        rest = max(error.pause or REST, LEAST_REST).total_seconds()
        _rests_until[setting] = time.monotonic() + rest
        said = "The model for titles cannot be used: %s Digests go on without it; it is tried again in %.0f s."
        logger.warning(said, error, rest)


def _write(asked: Embedder, now: datetime) -> None:
    began = time.monotonic()
    model = model_of(asked)
    if model is None:
        model = _new_model(asked, asked.embed(["The size of a vector"]).shape[1], now)
    while papers := list(lacking(model, now).values_list("pk", "title")[:BATCH]):
        if time.monotonic() - began > RUN:
            return
        _store_titles(model, asked, papers, now)
    _serve(model, now)
    _store_stated(model, asked, now)
    if model.serving:
        _store_texts(model, asked, now, until=began + RUN)
        profiles.make(list(ReaderProfile.objects.exclude(vector_model=model).values_list("pk", flat=True)[:500]))


def model_of(asked: Embedder) -> VectorModel | None:
    """Return the row of a model or endpoint, in the size that it gives since last."""
    return VectorModel.objects.filter(name__startswith=f"{asked.name} ").order_by("-made_at", "-pk").first()


def _new_model(asked: Embedder, size: int, now: datetime) -> VectorModel:
    model, _ = VectorModel.objects.get_or_create(
        name=f"{asked.name} {size}", defaults={"dimension": size, "made_at": now}
    )
    return model


def lacking(model: VectorModel, now: datetime) -> QuerySet[Paper]:
    """Return the papers of the archive, and those that readers like, without a vector of this model, newest first."""
    has_one = TitleVector.objects.filter(paper=OuterRef("pk"), model=model)
    liked = Exists(Verdict.objects.filter(paper=OuterRef("pk"))) | Exists(
        ListEntry.objects.filter(paper=OuterRef("pk"))
    )
    wanted = Paper.objects.filter(Q(first_seen_at__range=(now - ARCHIVE, now)) | Q(liked))
    return wanted.filter(~Exists(has_one)).order_by("-first_seen_at", "-pk")


def _embedded(asked: Embedder, texts: Sequence[str], model: VectorModel, now: datetime) -> list[bytes]:
    """Return vectors as they are stored; empty for one that is no number.

    Raises ModelUnusable where the vectors have another size now: that is another model, and the next run fills it.
    So it does where many texts get no number at all, which are asked for again then: an empty vector is kept for good.
    """
    found = asked.embed([normalise("NFKC", text, limit=LONGEST)[:LONGEST] or " " for text in texts])
    if found.shape != (len(texts), model.dimension):
        _new_model(asked, found.shape[1], now)
        was = f"where it gave {model.dimension} before"
        raise ModelUnusable(f"it gave {found.shape[1]} numbers a title {was}; all vectors are made again.")
    stored = [row.astype("<f2").tobytes() if np.isfinite(row).all() and row.any() else b"" for row in found]
    if len(stored) >= SURELY and not any(stored):
        raise ModelUnusable(f"it gave no numbers for any of {len(stored)} texts.")
    return stored


def _store_titles(model: VectorModel, asked: Embedder, papers: Sequence[tuple[int, str]], now: datetime) -> None:
    began = time.process_time()
    vectors = _embedded(asked, [title for _, title in papers], model, now)
    milliseconds = (time.process_time() - began) * 1000 / len(papers)
    ids = [paper for paper, _ in papers]
    with transaction.atomic():
        there = set(Paper.objects.filter(pk__in=ids).values_list("pk", flat=True))  # some may have been joined since
        TitleVector.objects.bulk_create(
            [
                TitleVector(paper_id=paper, model=model, vector=vector)
                for paper, vector in zip(ids, vectors, strict=True)
                if paper in there
            ],
            ignore_conflicts=True,
        )
        likers = Q(subscriber__verdicts__paper__in=ids) | Q(subscriber__list_entries__paper__in=ids)
        these = ReaderProfile.objects.filter(likers, vector_model=model).values_list("pk", flat=True)
        ReaderProfile.objects.filter(pk__in=list(these)).update(vector_model=None)
        VectorModel.objects.filter(pk=model.pk).update(milliseconds=milliseconds)


def _serve(model: VectorModel, now: datetime) -> None:
    """Let a model that has all vectors serve, with the mean and spread of its vectors; earlier models go."""
    if model.serving and model.space_made_at and now - model.space_made_at < SPACE_LASTS:
        return
    newest = TitleVector.objects.filter(model=model).exclude(vector=b"").order_by("-pk")
    rows = [decode(stored, model) for stored in newest.values_list("vector", flat=True)[:MOST]]
    if not rows:
        return
    space = Space.of(np.stack([row for row in rows if row is not None]))
    model.space = np.concatenate([space.mean, space.whitening.ravel()]).astype("<f4").tobytes()
    model.space_made_at, model.serving = now, True
    with transaction.atomic():
        VectorModel.objects.exclude(pk=model.pk).delete()
        model.save(update_fields=["space", "space_made_at", "serving"])


def _store_texts(model: VectorModel, asked: Embedder, now: datetime, *, until: float) -> None:
    """Make the vectors of own texts that are new or changed, a reader after the other, at most 500 titles each."""
    is_there = TextsVector.objects.filter(
        subscriber=OuterRef("subscriber"), model=model, titles_hash=OuterRef("texts_hash")
    )
    lacking_it = ReaderProfile.objects.exclude(texts_hash="").filter(~Exists(is_there)).order_by("pk")
    for reader in lacking_it.values_list("pk", flat=True)[:BATCH]:
        if time.monotonic() > until:
            return
        titles = profiles.titles_of([reader])[reader]
        rows = [
            decode(stored, model)
            for start in range(0, len(titles), BATCH)
            for stored in _embedded(asked, titles[start : start + BATCH], model, now)
        ]
        found = [row for row in rows if row is not None]
        total = np.sum(found, axis=0) if found else np.zeros(model.dimension)
        with transaction.atomic():
            # the reader may have been erased meanwhile
            if not Subscriber.objects.on_the_list().filter(pk=reader).exists():
                continue
            TextsVector.objects.update_or_create(
                subscriber_id=reader,
                defaults={
                    "model": model,
                    "titles_hash": hash_of("\n".join(titles)),
                    "total": total.astype("<f4").tobytes(),
                    "count": len(found),
                },
            )
        profiles.make([reader])


def _store_stated(model: VectorModel, asked: Embedder, now: datetime) -> None:
    """Make the vectors of typed words that are new or changed."""
    typed: dict[int, list[str]] = defaultdict(list)
    wishes = Preference.objects.filter(kind=Preference.Kind.KEYWORD, stance=Preference.Stance.WANT)
    listed = wishes.filter(subscriber__in=Subscriber.objects.on_the_list()).order_by("pk")
    for reader, word in listed.values_list("subscriber_id", "value"):
        typed[reader].append(word)
    texts = {reader: joined(words) for reader, words in typed.items()}
    known = dict(StatedVector.objects.filter(model=model).values_list("subscriber_id", "words_hash"))
    StatedVector.objects.filter(subscriber__in=known.keys() - texts.keys()).delete()
    new = [reader for reader, text in texts.items() if known.get(reader) != hash_of(text)][: 10 * BATCH]
    for start in range(0, len(new), BATCH):
        some = new[start : start + BATCH]
        vectors = _embedded(asked, [texts[reader] for reader in some], model, now)
        with transaction.atomic():
            # a reader may have been erased meanwhile
            there = set(Subscriber.objects.on_the_list().filter(pk__in=some).values_list("pk", flat=True))
            StatedVector.objects.filter(subscriber__in=some).delete()
            StatedVector.objects.bulk_create(
                StatedVector(subscriber_id=reader, model=model, words_hash=hash_of(texts[reader]), vector=vector)
                for reader, vector in zip(some, vectors, strict=True)
                if reader in there
            )
