"""Today's names for what a day's digests take, for ``tests.benchmarks.driver``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import datetime

from digest.delivery import plan as planning
from digest.delivery import send
from digest.editions.candidate_pool import CandidatePool
from digest.models import Batch, Delivery, DeliveryContent
from tests.benchmarks import day, driver

NOW = day.NOW
ONCE = [(CandidatePool, "load"), (CandidatePool, "save_added")]
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


def questions() -> driver.Questions:
    """Answer for today's tree."""
    return driver.sending(sys.modules[__name__])
