"""Readers to look at, without their addresses."""

from __future__ import annotations

from typing import Any

import pytest

from subscriptions.models import Subscriber
from subscriptions.sample_readers import examples
from tests.support.factories import reader

pytestmark = pytest.mark.django_db


def test_examples_show_different_readers_by_number_and_never_by_address(django_assert_num_queries: Any) -> None:
    ada = reader("ada", wants={"keyword": ["one", "two", "three"]}, weekdays=1)
    ben = reader("ben", max_papers=3, status=Subscriber.Status.PAUSED)
    reader("gone", status=Subscriber.Status.UNSUBSCRIBED)
    with django_assert_num_queries(2):
        groups = {name: [one.public_id for one in readers] for name, readers in examples(real=True)}
    assert groups == {
        "The newest": [ben.public_id, ada.public_id],
        "With most wishes": [ada.public_id],
        "Who asked for nothing": [ben.public_id],
        "With a small digest": [ben.public_id],
        "On one day a week": [ada.public_id],
        "Paused": [ben.public_id],
    }
    says = [one.says for _, readers in examples(real=True) for one in readers]
    assert "3 wishes, at most 10 papers, on Mondays at 07:00 (UTC)" in says
    assert not any("@" in one for one in says)


def test_without_readers_there_are_none() -> None:
    assert examples(real=True) == []
