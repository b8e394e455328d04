"""Tell how much processor time this process and the database's process for it have used.

On a machine that others use too, the time on the clock says little about the work.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from django.db import connection


def cpu_clock() -> Callable[[], float]:
    """Return a clock of used seconds: of this process and, on PostgreSQL, of the server's process of this connection.

    A server on another machine cannot be seen, and parallel workers of a query are not counted.
    """
    if connection.vendor != "postgresql":
        return time.process_time
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        used = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")
    if not used.exists():
        return time.process_time
    return lambda: time.process_time() + int(used.read_text().split()[0]) / 1e9


def p95(ordered: Sequence[float]) -> float:
    """Return the 95th percentile of ascending values: the smallest that at least 95 % do not exceed."""
    return ordered[-(-len(ordered) * 95 // 100) - 1]
