"""Where the CPU time of a run goes: each moment belongs to the innermost of the watched functions that is running."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.db import connection

OTHER = "other"


class Phases:
    """CPU seconds, calls and queries by phase, of what ran under :meth:`all`."""

    def __init__(self) -> None:
        self.cpu: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.queries: Counter[str] = Counter()
        self.database = 0.0  # CPU seconds within the driver
        self._stack = [OTHER]
        self._since = 0.0

    def watch(self, owner: Any, name: str, phase: str) -> None:
        """Count what runs in this function of a module or class as that phase. Raises AttributeError without it."""
        watched: Callable[..., Any] = getattr(owner, name)

        @wraps(watched)
        def counted(*arguments: Any, **options: Any) -> Any:
            self.calls[phase] += 1
            with self._in(phase):
                return watched(*arguments, **options)

        setattr(owner, name, staticmethod(counted) if getattr(watched, "__self__", None) is owner else counted)

    def forget(self) -> None:
        for counts in (self.cpu, self.calls, self.queries):
            counts.clear()
        self.database = 0.0

    @contextmanager
    def all(self) -> Iterator[None]:
        """Measure what runs in this block, and add it to what was measured since :meth:`forget`."""
        self._since = time.process_time()
        with connection.execute_wrapper(self._query):
            yield
        self._turn()

    @contextmanager
    def _in(self, phase: str) -> Iterator[None]:
        self._turn()
        self._stack.append(phase)
        try:
            yield
        finally:
            self._turn()
            self._stack.pop()

    def _turn(self) -> None:
        now = time.process_time()
        self.cpu[self._stack[-1]] += now - self._since
        self._since = now

    def _query(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        self.queries[self._stack[-1]] += 1
        began = time.process_time()
        try:
            return execute(*arguments)
        finally:
            self.database += time.process_time() - began
