"""Today's names for what a day's digests take, for ``tests.benchmarks.driver``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digest.delivery import plan as planning
from digest.delivery import send
from digest.editions.candidate_pool import CandidatePool
from digest.models import Batch, Delivery, DeliveryContent
from digest.ranking.features import Day, Likeness, Taste
from digest.ranking.profiles import Profiles
from tests.benchmarks import day, driver
from tests.benchmarks.evaluate import TaskSet

NOW = day.NOW
# the last two work at the first batch of an edition, and find it done at the others
ONCE = [(CandidatePool, "load"), (CandidatePool, "save_added"), (Taste, "lay_out"), (Likeness, "lay_out")]
TABLES = [DeliveryContent, Delivery, Batch]


def fill(*, papers: int, readers: int) -> None:
    """Make an edition of so many papers, with as many older ones, and so many readers."""
    day.create_edition(papers=papers, older=papers)
    day.sign_up(readers)


def plan(ids: Sequence[int]) -> None:
    """Write the day's rows of these readers."""
    planning.plan(NOW, ids, issue_date=NOW.date())


def deliver(clock: Callable[[], datetime]) -> int:
    """Send everything that is open; how many mails were taken."""
    return send.deliver_all(clock=clock).counts[Delivery.Status.ACCEPTED]


def recorded(folder: Path, name: str) -> TaskSet:
    """Read a set of recorded readers and papers."""
    return TaskSet(folder, name)


def day_of(tasks: TaskSet, rows: NDArray[np.int64]) -> Day:
    """Return the papers of these rows as a day."""
    categories = [sorted(tasks.categories[row]) for row in rows]
    return Day.of(tasks.archive.texts[rows], archive=tasks.archive, categories=categories)


def what_is_liked(tasks: TaskSet, liked: Sequence[NDArray[np.int64]]) -> dict[str, Any]:
    """Return what a batch of readers is given to know the rows of the papers that each of them likes."""
    return {"profiles": Profiles.of([tasks.profile(rows) for rows in liked])}


def questions() -> driver.Questions:
    """Answer for today's tree."""
    return driver.sending(sys.modules[__name__])
