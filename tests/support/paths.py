"""Where the checkout and the recorded inputs lie."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]


def recorded_data() -> Path:
    """Return the folder of recorded inputs: BROADSHEET_DATA, else ``shared/data`` beside the checkout."""
    return Path(os.environ.get("BROADSHEET_DATA") or ROOT.parent / "shared" / "data")
