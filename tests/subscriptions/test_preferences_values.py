"""Choices are saved on the reader as they are now: not as a page or a task remembers them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from subscriptions import consent
from subscriptions.models import Preference, Subscriber
from subscriptions.preferences import Choices, Wish, save_choices
from tests.support.factories import NOON, reader, want

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_nothing_is_kept_of_someone_who_was_erased_meanwhile() -> None:
    reader("ada", wants={"keyword": ["kelp"]})
    stale = Subscriber.objects.get()
    consent.erase(stale.public_id, now=NOON)
    before = Subscriber.objects.values().get()
    wishes = (Wish("keyword", "my illness"),)
    assert not save_choices(stale, Choices(zone="Europe/Berlin", wishes=wishes), now=NOON)
    assert Subscriber.objects.values().get() == before
    assert not Preference.objects.exists()


def test_someone_whose_row_is_gone_chooses_nothing() -> None:
    stale = reader("ada")
    Subscriber.objects.all().delete()
    assert not save_choices(stale, Choices(), now=NOON)


def test_a_wish_that_ended_is_not_shown_and_chosen_again_it_stands() -> None:
    ada = reader("ada")
    want(ada, "keyword", "kelp", "moss", stance="mute")
    ada.preferences.filter(value="kelp").update(until=NOON.date() - DAY)
    ada.preferences.filter(value="moss").update(until=NOON.date())
    assert [wish.value for wish in Choices.of(ada, today=NOON.date()).wishes] == ["moss"]
    save_choices(ada, Choices.of(ada), now=NOON)
    assert dict(ada.preferences.values_list("value", "until")) == {"kelp": None, "moss": NOON.date()}


@pytest.mark.parametrize("status", ["active", "paused"])
def test_a_reader_without_a_next_day_gets_one_with_the_next_choices(status: str) -> None:
    ada = reader("ada", status=status, next_send_at=None, send_hour=7)
    save_choices(ada, Choices.of(ada), now=NOON)
    ada.refresh_from_db()
    assert ada.next_send_at == NOON + timedelta(hours=19)


@pytest.mark.parametrize("status", ["pending", "unsubscribed"])
def test_whoever_is_not_on_the_list_gets_no_next_day(status: str) -> None:
    ada = reader("ada", status=status, next_send_at=None)
    save_choices(ada, Choices(send_hour=9), now=NOON)
    ada.refresh_from_db()
    assert ada.next_send_at is None


@pytest.mark.parametrize("weekdays", [0, 128])
def test_a_week_has_one_to_seven_days(weekdays: int) -> None:
    values: dict[str, Any] = {"weekdays": weekdays}
    with pytest.raises(IntegrityError), transaction.atomic():
        reader("ada", **values)
