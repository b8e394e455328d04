"""When Python looks for garbage: by default so often that it costs an eighth of each start and of each test."""

from __future__ import annotations

import gc


def look_seldom_at_start() -> None:
    """Let a start pass without a look: nearly all of what it makes stays."""
    gc.set_threshold(200_000, 20, 50)


def leave_out_loaded() -> None:
    """Look only at what is made from now on, and less often than by default.

    Else an edition's papers would be looked at hundreds of times per batch, a fifth of the work.
    """
    # without a last look, which takes a fifth of a second and finds a megabyte
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
