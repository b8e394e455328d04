"""Expect an error of fetching or parsing by its kind."""

from __future__ import annotations

import pytest

from digest.ingest.parsers import SourceUnreadable
from digest.source_errors import ErrorKind


def unreadable(kind: ErrorKind, *, detail: str = "") -> pytest.RaisesExc[SourceUnreadable]:
    """Expect SourceUnreadable of this kind, with a detail that holds these words."""
    return pytest.raises(SourceUnreadable, check=lambda error: error.kind is kind and detail in error.detail)
