"""Nothing is kept longer than it is of use."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
import time_machine
from django.contrib.sessions.models import Session

from subscriptions import consent
from subscriptions.models import ConsentEvent, LinkRequest, LoginToken, RateCounter, Subscriber
from subscriptions.preferences import Choices
from subscriptions.retention import delete_expired
from subscriptions.tokens import new_login_token
from tests.support.factories import NOON, reader

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def sign_up(email: str) -> Subscriber:
    request = LinkRequest(
        kind="sign_up", email=email, choices=Choices().as_json(), asked_at=NOON, ip="192.0.2.1", user_agent="Firefox"
    )
    signed_up = consent.sign_up(request, now=NOON)
    assert signed_up
    return signed_up


def test_a_sign_up_that_nobody_confirmed_vanishes_after_a_week_with_whence_it_came() -> None:
    ben = sign_up("ben@example.org")
    delete_expired(NOON + 6 * DAY)
    assert Subscriber.objects.get() == ben
    delete_expired(NOON + 7 * DAY)
    assert not Subscriber.objects.exists()
    event = ConsentEvent.objects.get(public_id=ben.public_id)
    assert (event.kind, event.ip, event.user_agent) == ("signed_up", None, None)


def test_a_former_reader_who_did_not_confirm_again_is_as_before() -> None:
    ada = reader("ada")
    consent.unsubscribe(ada.public_id, now=NOON - 90 * DAY)
    sign_up(ada.email)
    delete_expired(NOON + DAY)
    delete_expired(NOON + 7 * DAY)
    ada.refresh_from_db()
    assert (ada.status, ada.email) == ("unsubscribed", "ada@example.org")


def test_readers_stay() -> None:
    for status in ("active", "paused", "unsubscribed"):
        reader(status, status=status)
    before = list(Subscriber.objects.values())
    delete_expired(NOON + 1000 * DAY)
    assert list(Subscriber.objects.values()) == before


def test_links_go_a_week_after_they_ended() -> None:
    ada = reader("ada")
    new_login_token(LoginToken.Purpose.CONFIRM, ada, now=NOON)
    delete_expired(NOON + 8 * DAY)
    assert LoginToken.objects.exists()
    delete_expired(NOON + 9 * DAY)
    assert not LoginToken.objects.exists()


@pytest.mark.parametrize("is_mailed", [True, False])
def test_a_new_address_that_nobody_confirmed_is_forgotten_whether_a_link_was_mailed_or_not(is_mailed: bool) -> None:
    ada = reader("ada")
    consent.ask_for_address(ada, "ada@new.example", now=NOON)
    if is_mailed:
        new_login_token(LoginToken.Purpose.CHANGE_ADDRESS, ada, now=NOON)
    delete_expired(NOON + DAY)
    ada.refresh_from_db()
    assert ada.pending_email == "ada@new.example"
    delete_expired(NOON + 2 * DAY)
    ada.refresh_from_db()
    assert ada.pending_email is None


@pytest.mark.parametrize("status", list(LinkRequest.Status))
def test_a_request_that_nobody_answered_goes_after_a_day(status: str) -> None:
    LinkRequest.objects.create(kind="sign_in", email="a@example.org", asked_at=NOON, status=status)
    delete_expired(NOON + DAY - timedelta(seconds=1))
    assert LinkRequest.objects.exists()
    delete_expired(NOON + DAY)
    assert not LinkRequest.objects.exists()


def test_visits_and_counts_that_are_over_go(settings: Any) -> None:
    with time_machine.travel(NOON, tick=False):
        for seconds in (60, 3 * 86_400):
            visit = import_module(settings.SESSION_ENGINE).SessionStore()
            visit["reader"] = "x"
            visit.set_expiry(seconds)
            visit.save()
            RateCounter.objects.create(name="erase", until=NOON + timedelta(seconds=seconds))
    with time_machine.travel(NOON + DAY, tick=False):
        delete_expired(NOON + DAY)
    assert Session.objects.count() == 1
    assert [row.until for row in RateCounter.objects.all()] == [NOON + 3 * DAY]
