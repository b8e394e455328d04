"""The names at commit 5de826d for what a day's digests take, for ``tests.benchmarks.driver``.

This module is imported only in that revision's own tree, into which ``./run bench --against`` copies it with the driver.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from tests.benchmarks import driver

day: Any = import_module("tests.benchmarks.day")  # of that tree too
planning, delivering, models = (import_module(f"digest.{name}") for name in ("planning", "delivering", "models"))
Pool = import_module("digest.pool").Pool
Likeness: Any = import_module("digest.ranking.features").Likeness
NOW = day.NOW
ONCE = [(Pool, "of_the_week"), (Pool, "admit"), (Likeness, "lay_out")]
TABLES = [models.Delivery, models.Batch]


def fill(*, papers: int, readers: int) -> None:
    """Make an edition of so many papers, with as many older ones, and so many readers."""
    day.open_edition(papers=papers, older=papers)
    day.sign_up(readers)


def plan(ids: Sequence[int]) -> None:
    """Write the day's rows of these readers."""
    planning.plan(NOW, ids, issue_date=NOW.date())


def deliver(clock: Callable[[], datetime]) -> int:
    """Send everything that is open; how many mails were taken."""
    return int(delivering.deliver_all(clock=clock).counts[models.Delivery.Status.ACCEPTED])


def recorded(folder: Path, name: str) -> Any:
    """Read a set of recorded readers and papers."""
    return import_module("digest.ranking.evaluate").TaskSet(folder, name)


def day_of(tasks: Any, rows: Any) -> Any:
    """Return the papers of these rows as a day."""
    return import_module("digest.ranking.features").Day.of(tasks.archive.texts[rows], archive=tasks.archive)


def what_is_liked(tasks: Any, liked: Sequence[Any]) -> dict[str, Any]:
    """Return what a batch of readers is given to know the rows of the papers that each of them likes."""
    used = np.unique(np.concatenate(liked))
    verdicts = np.zeros((len(liked), len(used)), np.float32)
    for reader, rows in zip(verdicts, liked, strict=True):
        reader[np.searchsorted(used, rows)] = 1
    return {"verdicts": csr_array(verdicts), "liked": tasks.archive.texts[used]}


def questions() -> driver.Questions:
    """Answer for that tree."""
    return driver.sending(sys.modules[__name__])
