"""An edition's balance sheet."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from digest.delivery.plan import plan
from digest.delivery.send import deliver_all
from digest.editions.open_edition import open_edition
from digest.models import Delivery, Edition
from digest.stats import edition_counts
from tests.support.factories import NOON, reader

pytestmark = pytest.mark.django_db


def test_an_edition_remembers_how_many_deliveries_ended_how(django_assert_num_queries: Any) -> None:
    open_edition(NOON.date(), now=NOON)
    plan(NOON, [reader(f"reader{n}", quiet_days=n < 3).pk for n in range(5)], issue_date=NOON.date())
    deliver_all(clock=lambda: NOON)
    with django_assert_num_queries(3):
        edition_counts.tally(NOON)
    assert Edition.objects.get().tally == {"accepted": 3, "skipped": 2}
    with django_assert_num_queries(2):
        edition_counts.tally(NOON + timedelta(hours=1))
    Delivery.objects.filter(status="accepted").update(status="delivered")
    edition_counts.tally(NOON + timedelta(hours=1))
    assert Edition.objects.get().tally == {"delivered": 3, "skipped": 2}
    edition_counts.tally(NOON + timedelta(days=30))  # long closed: it stays
    assert Edition.objects.get().tally == {"delivered": 3, "skipped": 2}
