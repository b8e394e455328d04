"""Find the folder of recorded inputs, which is no part of the repository."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.paths import ROOT


def recorded_data() -> Path:
    """Return BROADSHEET_DATA, else ``shared/data`` beside the checkout; whether it is there is not looked at."""
    return Path(os.environ.get("BROADSHEET_DATA") or ROOT.parent / "shared" / "data")
