"""On a day without a paper for them, readers get a mail that says so if they want one, and else none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.delivery import plan
from digest.models import Delivery, Edition
from subscriptions import consent
from subscriptions.models import Subscriber
from tests.support.editions import GRAPHS, ROBOT, publish
from tests.support.factories import NOON, reader
from tests.support.planned import also_of, delivered, due, occasion_of, outcome, papers_of, planned_for, title, voted

pytestmark = pytest.mark.django_db
TODAY = NOON.date()
DAY = timedelta(days=1)


def test_who_asked_for_it_is_told_on_a_quiet_day() -> None:
    ada, ben = (
        reader("ada", wants={"keyword": ["volcano"]}, quiet_days=True),
        reader("ben", wants={"keyword": ["volcano"]}),
    )
    voted(1, 9, *[1] * 10)
    assert planned_for(ada, ben) == plan.Planned(ready=1, skipped=1)
    row = Delivery.objects.get(subscriber=ada)
    assert (row.status, row.paper_ids, row.empty_reason) == ("ready", [], "nothing_matched")
    assert (row.subject, row.status_reason) == ("2 Mar: nothing for you today", "")
    assert (row.batch_id, row.message_id, row.not_after) != (None, None, None)
    assert also_of(ada) == [title(2)]
    assert outcome(ben) == ("skipped", "nothing_matched")


def test_on_a_day_without_papers_the_mail_says_so() -> None:
    ada = reader("ada", quiet_days=True)
    publish()
    assert planned_for(ada).ready == 1
    assert (Delivery.objects.get().empty_reason, also_of(ada)) == ("no_new_papers", [])


@pytest.mark.parametrize(("values", "why"), [({"status": "paused"}, "paused"), ({}, "suppressed")])
def test_a_quiet_day_writes_to_nobody_who_is_not_to_be_written_to(values: dict[str, Any], why: str) -> None:
    ada = reader("ada", wants={"keyword": ["volcano"]}, quiet_days=True, **values)
    if not values:
        consent.suppress(ada.email, reason="complained", now=NOON)
    publish(ROBOT)
    assert planned_for(ada) == plan.Planned(skipped=1)
    assert outcome(ada) == ("skipped", why)


def test_a_mail_without_papers_is_a_digest_of_its_edition() -> None:
    ada = reader("ada", wants={"keyword": ["volcano", "robot"]}, quiet_days=True, send_hour=12)
    publish(GRAPHS)
    assert due(ada, at=NOON).ready == 1
    delivered(at=NOON)
    assert due(ada, at=NOON + DAY) == plan.Planned(held=1)  # until an edition newer than that one opens
    tomorrow = replace(ROBOT, announced_on=TODAY + DAY)
    publish(tomorrow, at=NOON + DAY)
    assert due(ada, at=NOON + DAY).ready == 1
    assert (papers_of(ada, NOON + DAY), occasion_of(ada, NOON + DAY)) == ([ROBOT.title], "")


def test_a_digest_is_never_empty_without_saying_why() -> None:
    ada = reader("ada", wants={"category": ["cs.RO"]}, quiet_days=True)
    publish(ROBOT, GRAPHS)
    planned_for(ada)
    row = Delivery.objects.get()
    assert (papers_of(ada), row.empty_reason) == ([ROBOT.title], "")


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "quiet_days": st.booleans(),
                "status": st.sampled_from(["active", "active", "paused"]),
                "wants": st.sampled_from([None, {"keyword": ["volcano"]}, {"category": ["cs.RO"]}]),
            }
        ),
        max_size=5,
    )
)
def test_every_reader_who_is_due_is_planned_skipped_or_held(people: list[dict[str, Any]]) -> None:
    Subscriber.objects.all().delete()
    if not Edition.objects.exists():
        publish(ROBOT, GRAPHS)
    readers = [reader(f"reader{number}", **values) for number, values in enumerate(people)]
    told = [
        one.quiet_days or values["wants"] != {"keyword": ["volcano"]}
        for one, values in zip(readers, people, strict=True)
    ]
    ready = [tell and one.status == "active" for one, tell in zip(readers, told, strict=True)]
    planned = planned_for(*readers)
    assert planned == plan.Planned(ready=sum(ready), skipped=len(readers) - sum(ready))
    for row in Delivery.objects.all():
        is_ready = row.status == Delivery.Status.READY
        assert is_ready == (bool(row.paper_ids) or bool(row.empty_reason))
        assert is_ready != bool(row.status_reason)
