"""Requirement 62 of docs/requirements.md: the sum of a day always balances, whatever became of its digests."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.delivery import throttle
from digest.models import Delivery
from digest.stats.day_summary import PARTS, DaySummary, in_words, summaries_of
from tests.support.factories import NOON, delivery, reader

DAY = date(2026, 3, 2)
OPEN = throttle.State(False, None, "", "", None, None, False)
PAUSED = throttle.State(True, None, "lunch", "cleo", NOON, None, False)


def test_email_62_every_status_is_in_exactly_one_part() -> None:
    assert Counter(status for part in PARTS.values() for status in part) == Counter(Delivery.Status.values)


@given(st.dictionaries(st.sampled_from(Delivery.Status.values), st.integers(0, 100_000)))
def test_email_62_due_is_the_sum_of_the_parts(statuses: dict[str, int]) -> None:
    summary = DaySummary(DAY, statuses)
    assert summary.due == sum(count for _, count in summary.parts)
    assert sum(count for _, count in summary.of_accepted) <= summary.part("accepted")


@pytest.mark.django_db
def test_email_62_the_balance_counts_every_row_of_its_day_once(django_assert_num_queries: Any) -> None:
    for number, status in enumerate(Delivery.Status.values):
        for copy in range(number + 1):
            delivery(reader(f"{status}{copy}"), status=status, status_reason="paused" if status == "skipped" else "")
    delivery(reader("early"), days=-1)
    with django_assert_num_queries(2):
        today, yesterday, nothing = summaries_of([DAY, DAY - timedelta(days=1), DAY - timedelta(days=2)])
    assert today.due == Delivery.objects.filter(issue_date=DAY).count() == sum(range(1, 12))
    assert dict(today.statuses) == {status: n + 1 for n, status in enumerate(Delivery.Status.values)}
    assert today.skipped_for == (("paused", today.part("skipped")),)
    assert (yesterday.due, nothing.due) == (1, 0)


@pytest.mark.parametrize(
    ("statuses", "state", "mood", "words"),
    [
        ({}, OPEN, "wait", "No digest was due."),
        ({"accepted": 2, "delivered": 1, "skipped": 4}, OPEN, "good", "All is well: 3 digests sent"),
        ({"accepted": 2, "ready": 1}, OPEN, "wait", "1 digest is on the way. 2 digests sent so far."),
        ({"ready": 1200}, PAUSED, "bad", "1,200 digests wait and cannot leave now."),
        ({"accepted": 9, "unknown": 1}, OPEN, "bad", "1 digest may or may not have left"),
        ({"failed": 2, "retry_wait": 3}, OPEN, "bad", "2 digests could not be sent. 0 digests sent, 3 still to go."),
        ({"expired": 1}, OPEN, "bad", "1 digest could not leave in time"),
    ],
)
def test_a_sentence_says_whether_all_is_well(statuses: dict[str, int], state: Any, mood: str, words: str) -> None:
    said = in_words(DaySummary(DAY, statuses), state)
    assert said[0] == mood
    assert words in said[1]
