"""Ask an embeddings endpoint in OpenAI's form."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from django.conf import settings
from django.utils import timezone

from digest.ingest.http import Limits, NoAnswer, asked_pause, post
from digest.ranking.meaning import Floats, unit_rows
from digest.semantic.onnx_model import ModelUnusable

LIMITS = Limits(connect=5, read=30, total=30, size=8 << 20)


class Endpoint:
    """The endpoint of the settings."""

    def __init__(self) -> None:
        self.name = f"endpoint {settings.EMBEDDING_URL} {settings.EMBEDDING_MODEL}"[:180]

    def embed(self, texts: Sequence[str]) -> Floats:
        """Return unit vectors (N, D); NaN where the endpoint gave no number. Raises ModelUnusable, without the key."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if settings.EMBEDDING_KEY:
            headers["Authorization"] = f"Bearer {settings.EMBEDDING_KEY}"
        asked = json.dumps({"model": settings.EMBEDDING_MODEL, "input": list(texts)}).encode()
        try:
            answer = post(_address(), headers, asked, limits=LIMITS)
        except NoAnswer as error:
            raise ModelUnusable(f"the endpoint did not answer: {error}.") from error
        if answer.status != 200:
            pause = asked_pause(answer, timezone.now())
            raise ModelUnusable(f"the endpoint answered {answer.status}.", pause=pause)
        try:
            rows = sorted(json.loads(answer.body)["data"], key=lambda row: row["index"])
            found = np.array([row["embedding"] for row in rows], np.float32)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise ModelUnusable("the endpoint's answer is not that of an embeddings endpoint.") from error
        if found.ndim != 2 or len(found) != len(texts) or not found.shape[1]:
            raise ModelUnusable(f"the endpoint gave vectors of the shape {found.shape} for {len(texts)} texts.")
        return unit_rows(found)


def _address() -> str:
    url: str = settings.EMBEDDING_URL.rstrip("/")
    return url if url.endswith("/embeddings") else f"{url}/embeddings"
