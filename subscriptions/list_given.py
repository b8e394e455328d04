"""The papers that a sign-up named, handed to who reads them: subscriptions knows nothing of papers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.dispatch import Signal

from subscriptions.models import Subscriber

# Sent after a confirmation, outside of its transaction, with ``reader``, ``papers`` (as typed) and ``now``.
list_given = Signal()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How many works of a list were kept, or that it is a library, which a worker reads; else why nothing was read.

    ``unread`` counts the entries that could not be read, ``missing`` the works that are not stored here. ``left_out``
    has the first of both: the text as its reader sees it, and why it was left out.
    """

    works: int = 0
    is_library: bool = False
    problem: str = ""
    unread: int = 0
    missing: int = 0
    left_out: tuple[tuple[str, str], ...] = ()


def keep_given(reader: Subscriber, papers: str, *, now: datetime) -> Kept:
    """Return what was kept of the papers that a confirmed sign-up named; an error is logged, and nothing kept."""
    for _, kept in list_given.send_robust(sender=Subscriber, reader=reader, papers=papers, now=now):
        if isinstance(kept, Kept):
            return kept
    return Kept()
