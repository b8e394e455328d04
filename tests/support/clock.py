"""A clock for tests of waiting."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.support.factories import NOON


class Clock:
    """Begins at noon and goes on only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = NOON
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)
