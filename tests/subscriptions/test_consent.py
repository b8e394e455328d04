from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError

from subscriptions import consent
from subscriptions.models import ConsentEvent, Subscriber, Suppression
from tests.factories import NOON, reader

pytestmark = pytest.mark.django_db


def test_leaving_twice_is_the_same_as_once_and_leaves_one_proof() -> None:
    ada = reader("ada")
    assert consent.unsubscribe(ada.public_id, now=NOON, ip="192.0.2.1", user_agent="Mail/1")
    assert not consent.unsubscribe(ada.public_id, now=NOON)
    ada.refresh_from_db()
    assert (ada.status, ada.next_send_at) == (Subscriber.Status.UNSUBSCRIBED, None)
    (event,) = ConsentEvent.objects.filter(public_id=ada.public_id)
    assert (event.kind, event.at, event.ip, event.user_agent) == ("unsubscribed", NOON, "192.0.2.1", "Mail/1")


def test_nobody_is_active_without_having_confirmed() -> None:
    with pytest.raises(IntegrityError, match="an_active_subscriber_has_confirmed"):
        reader("ada", confirmed_at=None)


def test_two_spellings_are_one_address() -> None:
    reader("ada", email="Ada@Example.org")
    with pytest.raises(IntegrityError):
        reader("ada", email="ada@EXAMPLE.org")


def test_the_earliest_suppression_of_an_address_stays() -> None:
    ada = reader("ada")
    consent.suppress(ada.email, reason="bounced", now=NOON)
    consent.suppress("ADA@example.org", reason="complained", now=NOON + timedelta(days=1))
    (row,) = Suppression.objects.all()
    assert (row.reason, row.since) == ("bounced", NOON)
    assert Suppression.objects.blocked([ada, reader("ben")]) == {ada.pk}
    assert "ada" not in row.address_hash


def test_the_record_of_consent_only_grows() -> None:
    consent.welcome_demonstration_reader("x@readers.invalid", now=NOON)
    with pytest.raises(TypeError):
        ConsentEvent.objects.all().delete()
    with pytest.raises(TypeError):
        ConsentEvent.objects.update(kind="confirmed")
    assert ConsentEvent.objects.update(ip=None, user_agent=None) == 1


def test_a_demonstration_reader_lives_under_invalid_only() -> None:
    with pytest.raises(ValueError, match="invalid"):
        consent.welcome_demonstration_reader("x@example.org", now=NOON)


def test_a_suppression_that_was_lifted_stands_again_after_a_complaint() -> None:
    ada = reader("ada")
    consent.suppress(ada.email, reason="bounced", now=NOON)
    Suppression.objects.update(lifted_at=NOON, lifted_by="op")
    later = NOON + timedelta(days=1)
    consent.suppress(ada.email, reason="complained", now=later)
    row = Suppression.objects.get()
    assert (row.reason, row.since, row.lifted_at) == ("complained", later, None)
    assert ConsentEvent.objects.filter(public_id=ada.public_id, kind="suppressed").count() == 2


def test_confirming_makes_the_first_digest_due_at_once_and_counts_once() -> None:
    ada = reader("ada", status="pending", confirmed_at=None, next_send_at=None)
    assert consent.confirm(ada.public_id, now=NOON, ip="192.0.2.1")
    assert not consent.confirm(ada.public_id, now=NOON + timedelta(hours=1))
    ada.refresh_from_db()
    assert (ada.status, ada.confirmed_at, ada.next_send_at) == (Subscriber.Status.ACTIVE, NOON, NOON)
    assert [event.kind for event in ConsentEvent.objects.filter(public_id=ada.public_id)] == ["confirmed"]


def test_who_has_left_is_not_brought_back_by_an_old_confirmation_or_a_resume() -> None:
    ada = reader("ada")
    consent.unsubscribe(ada.public_id, now=NOON)
    assert not consent.confirm(ada.public_id, now=NOON)
    assert not consent.pause(ada.public_id, now=NOON)
    assert not consent.resume(ada.public_id, now=NOON)
    ada.refresh_from_db()
    assert ada.status == Subscriber.Status.UNSUBSCRIBED


def test_a_pause_and_its_end_are_on_record() -> None:
    ada = reader("ada")
    assert consent.pause(ada.public_id, now=NOON, until=NOON.date() + timedelta(days=3))
    ada.refresh_from_db()
    assert ada.is_paused(NOON.date())
    assert not ada.is_paused(NOON.date() + timedelta(days=3))
    assert consent.resume(ada.public_id, now=NOON)
    assert [event.kind for event in ConsentEvent.objects.all()] == ["paused", "resumed"]
