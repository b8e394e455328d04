"""When Python looks for garbage: by default so often that it costs an eighth of each start and of each test."""

from __future__ import annotations

import gc


def look_seldom_at_start() -> None:
    """Let a start pass without a look: nearly all of what it makes stays."""
    gc.set_threshold(200_000, 20, 50)


def leave_out_loaded(*thresholds: int) -> None:
    """Look only at what is made from now on, by these thresholds of :func:`gc.set_threshold`."""
    # without a last look, which takes a fifth of a second and finds a megabyte
    gc.freeze()
    gc.set_threshold(*thresholds)
