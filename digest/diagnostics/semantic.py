"""Check the operator's model for titles: whether one is set and can be used, and how many papers have vectors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
from django.conf import settings

from digest.compose.phrases import plural
from digest.diagnostics.check_result import CheckResult, Severity
from digest.models import TitleVector
from digest.semantic.onnx_model import ModelUnusable
from digest.semantic.write import embedder, lacking, model_of

CHECK = "Check SEMANTIC_MODEL or EMBEDDING_URL. Digests go on without it, or with the vectors of the model before."


def examine_vectors(now: datetime) -> Iterator[CheckResult]:
    """Say that no model is set, or whether it answers, how many papers have vectors and how long one takes."""
    if not (settings.SEMANTIC_MODEL or settings.EMBEDDING_URL):
        yield CheckResult(Severity.WELL, "vectors", "no model of titles is set (SEMANTIC_MODEL, EMBEDDING_URL)")
        return
    try:
        asked = embedder()
        if asked and not np.isfinite(asked.embed(["A title"])).all():
            raise ModelUnusable("it gave no numbers for a title.")
    except ModelUnusable as error:
        yield CheckResult(Severity.ATTENTION, "vectors", f"the model of titles cannot be used: {error}", CHECK)
        return
    model = model_of(asked) if asked else None
    if model is None:
        yield CheckResult(Severity.WELL, "vectors", "the model can be used; the worker has made no vector yet")
        return
    vectors = TitleVector.objects.filter(model=model)
    have, missing = vectors.exclude(vector=b"").count(), lacking(model, now).count()
    if not have and (asked_for := vectors.count()):
        seen = f"the model of titles gave no numbers for any of {plural(asked_for, 'title')}"
        yield CheckResult(Severity.ATTENTION, "vectors", seen, CHECK)
        return
    took = f", {model.milliseconds:.1f} ms each" if model.milliseconds is not None else ""
    serves = "it serves" if model.serving else "it serves once none is missing"
    seen = f"{plural(have, 'paper')} with a vector of {model.dimension} numbers{took}; {missing:,} missing; {serves}"
    yield CheckResult(Severity.WELL, "vectors", seen)
