"""The text of our statements does on PostgreSQL what it does on SQLite: readers are planned, sent to, and due again."""

from __future__ import annotations

import pytest

from tests.support.services import Installation

pytestmark = pytest.mark.service

STORY = """
import django; django.setup()
from datetime import timedelta
from digest.delivery import plan, send
from digest.editions import open_edition
from digest.ingest import store
from digest.models import Delivery, ListEntry, Paper, Verdict
from digest.models.key_lists import among
from subscriptions.models import Subscriber
from tests.support.factories import NOON, entry, feed, reader, want

papers = [entry(number, title=f"On robots, part {number}", announced_on=NOON.date()) for number in range(6)]
shown = feed(*papers, announced_on=NOON.date())
store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
open_edition.open_edition(NOON.date(), now=NOON)
ada = reader("ada", wants={"keyword": ["robots"]}, next_send_at=NOON)
bea = reader("bea", wants={"keyword": ["robots"]}, next_send_at=NOON)
want(bea, "keyword", "part 5", stance="mute")
cyd = reader("cyd", wants={"keyword": ["glaciers"]}, next_send_at=NOON)
dan = reader("dan", wants={"keyword": ["robots"]}, next_send_at=NOON, status=Subscriber.Status.UNSUBSCRIBED)
liked = Paper.objects.get(title__endswith="part 4")
Verdict.objects.create(subscriber=bea, paper=liked, value=Verdict.Value.MORE, given_at=NOON)
readers = [one.pk for one in (ada, bea, cyd, dan)]
planned = plan.plan(NOON, readers)
assert (planned.ready, planned.skipped) == (2, 1), planned
again = plan.plan(NOON, readers)
assert (again.ready, again.skipped) == (0, 0), again
counts = send.deliver_all(clock=lambda: NOON).counts
assert counts == {Delivery.Status.ACCEPTED: 2}, counts
papers_of = {row.subscriber_id: row.paper_count for row in Delivery.objects.all()}
assert papers_of == {ada.pk: 6, bea.pk: 5, cyd.pk: 0}, papers_of
assert not Subscriber.objects.filter(pk__in=readers[:3], next_send_at__lte=NOON).exists()
assert set(Subscriber.objects.filter(pk__in=among(readers)).values_list("pk", flat=True)) == set(readers)
assert not Subscriber.objects.filter(pk__in=among([])).exists()
"""


def test_readers_are_planned_once_and_sent_to_once(installation: Installation) -> None:
    installation.prepare()
    installation.run("-c", STORY)
