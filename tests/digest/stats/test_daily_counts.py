"""What is counted of each day, and what pages make of it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from digest.delivery.staff_texts import reason_text
from digest.models import DayTally, Delivery, Paper, Sighting, StatusReason, Verdict
from digest.stats import daily_counts, trends
from subscriptions import consent
from tests.support.factories import NOON, delivery, reader, source, topic

pytestmark = pytest.mark.django_db
TODAY = NOON.date()


def counts(day: date = TODAY) -> Any:
    return DayTally.objects.get(date=day).counts


def test_a_day_is_counted_by_status_and_by_the_reason_of_its_skips() -> None:
    for number in range(3):
        delivery(reader(f"sent{number}"))
    delivery(reader("bounced"), status="bounced")
    for number in range(2):
        delivery(reader(f"none{number}"), status="skipped", status_reason="nothing_matched")
    daily_counts.count(NOON)
    assert counts()["deliveries"] == {"accepted": 3, "bounced": 1, "skipped": 2}
    assert counts()["skipped"] == {"nothing_matched": 2}


def test_what_a_provider_tells_later_is_counted_within_the_week_and_no_longer() -> None:
    recent, old = delivery(reader("ada"), days=-3), delivery(reader("bela"), days=-20)
    daily_counts.count(NOON)
    Delivery.objects.update(status="bounced")
    daily_counts.count(NOON + timedelta(hours=1))
    assert counts(recent.issue_date)["deliveries"] == {"bounced": 1}
    assert counts(old.issue_date)["deliveries"] == {"accepted": 1}


def test_days_that_were_never_counted_are_counted_whole() -> None:
    old = NOON - timedelta(days=20)
    ada = reader("ada")
    delivery(ada, days=-20)
    consent.record(ada.public_id, "unsubscribed", now=old)
    daily_counts.count(NOON)
    assert counts(old.date())["deliveries"] == {"accepted": 1}
    assert counts(old.date())["consent"] == {"unsubscribed": 1}
    assert DayTally.objects.count() == 30


def test_counting_twice_is_the_same_as_once_and_takes_the_same_queries(django_assert_max_num_queries: Any) -> None:
    delivery(reader("ada", wants={"topic": ["Robotics"]}))
    daily_counts.count(NOON)
    first = counts()
    for number in range(40):
        delivery(reader(f"reader{number}"), days=-number)
    with django_assert_max_num_queries(14):
        daily_counts.count(NOON)
    assert (first["listed"], counts()["listed"]) == (1, 41)
    assert DayTally.objects.count() == 30


def test_a_verdict_counts_once_for_each_topic_and_source_of_its_paper() -> None:
    paper = Paper.objects.create(identifier="arxiv:2603.00001", title="On sums", first_seen_at=NOON)
    robotics, vision = topic("Robotics"), topic("Vision")
    paper.topics.add(robotics, vision)
    arxiv = source()
    for hours in range(3):  # seen three times by one source
        Sighting.objects.create(paper=paper, source=arxiv, seen_at=NOON - timedelta(hours=hours))
    for name, value in (("ada", "more"), ("bela", "more"), ("carl", "less")):
        Verdict.objects.create(subscriber=reader(name), paper=paper, value=value, given_at=NOON)
    daily_counts.count(NOON)
    assert counts()["topics"] == {str(robotics.pk): [2, 1], str(vision.pk): [2, 1]}
    assert counts()["sources"] == {str(arxiv.pk): [2, 1]}
    month = trends.last_month(TODAY)
    assert trends.verdicts_by_topic(month) == [("Robotics", 2, 1), ("Vision", 2, 1)]
    assert trends.verdicts_by_source(month) == [("arXiv cs.LG", 2, 1)]


def test_a_month_is_thirty_days_and_a_day_that_was_not_counted_is_empty() -> None:
    ada = reader("ada")
    consent.record(ada.public_id, "confirmed", now=NOON)
    consent.record(ada.public_id, "unsubscribed", now=NOON)
    delivery(ada)
    daily_counts.count(NOON)
    DayTally.objects.filter(date=TODAY - timedelta(days=5)).delete()
    month = trends.last_month(TODAY)
    assert (len(month.days), month.days[-1], month.counted_at) == (30, TODAY, NOON)
    assert trends.sent_by_day(month)["sent"] == [0] * 29 + [1]
    assert trends.growth_by_day(month) == {"signed up": [0] * 30, "confirmed": [0] * 29 + [1], "left": [0] * 29 + [1]}
    assert trends.problems_by_day(month)["left the list"][-1] == 1


def test_the_most_frequent_reasons_have_names_and_the_others_are_one() -> None:
    for number in range(8):
        for copy in range(8 - number):
            delivery(reader(f"r{number}-{copy}"), status="skipped", status_reason=StatusReason.values[number])
    daily_counts.count(NOON)
    series = trends.skipped_by_day(trends.last_month(TODAY))
    assert list(series) == [*(reason_text(StatusReason.values[number]) for number in range(5)), "other reasons"]
    assert sum(sum(values) for values in series.values()) == 36
