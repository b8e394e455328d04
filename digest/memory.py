"""Give memory that is free back to the system."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any


def give_back() -> None:
    """Return freed memory to the system, where the C library can, which else keeps 50 MB after planning readers.

    Call it when large arrays are gone. The next ones then lie together, and not between what is left of these.
    """
    if trim := _malloc_trim():
        trim(0)


@cache
def _malloc_trim() -> Any:
    """Return glibc's ``malloc_trim``, None with another library, or where none can be asked for it."""
    try:
        return getattr(ctypes.CDLL(None), "malloc_trim", None)
    except (OSError, TypeError):
        return None
