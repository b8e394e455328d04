from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from subscriptions import consent
from subscriptions.consent import AddressChange
from subscriptions.models import ConsentEvent, LinkRequest, LoginToken, Subscriber, Suppression
from subscriptions.preferences import Choices, Wish, save_choices
from subscriptions.retention import delete_expired
from subscriptions.tokens import new_login_token, use_login_token
from tests.support.factories import NOON, reader

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


def test_the_earliest_suppression_of_an_address_stays_and_a_complaint_is_noted_over_a_bounce() -> None:
    ada = reader("ada")
    consent.suppress(ada.email, reason="bounced", now=NOON)
    consent.suppress("ADA@example.org", reason="complained", now=NOON + timedelta(days=1))
    (row,) = Suppression.objects.all()
    assert (row.reason, row.since) == ("complained", NOON)
    consent.suppress(ada.email, reason="bounced", now=NOON + timedelta(days=2))
    row.refresh_from_db()
    assert (row.reason, row.since) == ("complained", NOON)
    assert Suppression.objects.blocked([ada, reader("ben")]) == {ada.pk}
    assert "@" not in row.address_hash


def test_the_record_of_consent_only_grows() -> None:
    consent.create_demo_subscriber("x@readers.invalid", now=NOON)
    with pytest.raises(TypeError):
        ConsentEvent.objects.all().delete()
    with pytest.raises(TypeError):
        ConsentEvent.objects.update(kind="confirmed")
    assert ConsentEvent.objects.update(ip=None, user_agent=None) == 1


def test_a_demonstration_reader_lives_under_invalid_only() -> None:
    with pytest.raises(ValueError, match="invalid"):
        consent.create_demo_subscriber("x@example.org", now=NOON)


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
    later = NOON + timedelta(days=1)
    assert not consent.confirm(ada.public_id, now=NOON)
    assert not consent.resume(ada.public_id, now=NOON)
    assert not consent.pause(ada.public_id, now=later)
    assert not consent.weekly(ada.public_id, now=later)
    assert not consent.undo_unsubscribe(ada.public_id, now=later)
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


# --- coming ----------------------------------------------------------------------------------------------------------


def sign_up(email: str = "ada@example.org", *, now: datetime = NOON) -> Subscriber:
    request = LinkRequest(kind="sign_up", email=email, choices=Choices().as_json(), asked_at=now)
    signed_up = consent.sign_up(request, now=now)
    assert signed_up
    return signed_up


def confirm(one: Subscriber, *, now: datetime = NOON, **proof: str) -> bool:
    """Follow a link that was mailed just now."""
    token = new_login_token(LoginToken.Purpose.CONFIRM, one, now=now, choices=Choices().as_json())
    row = use_login_token(LoginToken.Purpose.CONFIRM, token, now=now)
    return consent.confirm(one.public_id, now=now, token=row, **proof)


def test_who_comes_back_twelve_hours_after_a_digest_or_later_gets_one_at_once_else_at_their_hour() -> None:
    monday_evening = NOON + timedelta(hours=8)
    for hours, due in [(13, monday_evening), (11, NOON + timedelta(hours=19))]:
        ada = reader(f"ada{hours}", send_hour=7, last_digest_at=monday_evening - timedelta(hours=hours))
        consent.unsubscribe(ada.public_id, now=monday_evening)
        assert confirm(sign_up(ada.email, now=monday_evening), now=monday_evening)
        ada.refresh_from_db()
        assert ada.next_send_at == due


def test_who_comes_back_on_a_day_that_has_its_row_waits_for_the_next() -> None:
    ada = reader("ada", send_hour=7, last_issue_date=NOON.date())
    consent.unsubscribe(ada.public_id, now=NOON)
    assert confirm(sign_up(ada.email))
    ada.refresh_from_db()
    assert ada.next_send_at == NOON + timedelta(hours=19)


def test_the_token_that_was_pressed_is_on_record() -> None:
    assert confirm(sign_up(), ip="192.0.2.1", user_agent="Firefox", page="/c/")
    event = ConsentEvent.objects.get(kind="confirmed")
    assert (event.page, event.reference) == ("/c/", str(LoginToken.objects.get().pk))


def test_what_a_browser_says_of_itself_is_kept_short_and_printable() -> None:
    consent.unsubscribe(reader("ada").public_id, now=NOON, user_agent="a\0b\r\nc\u202e\ud800" + "x" * 10_000)
    agent = ConsentEvent.objects.get().user_agent
    assert agent is not None
    assert agent.startswith("ab cxxx")
    assert len(agent) == 300


# --- leaving, and taking it back -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["active", "paused"])
def test_leaving_can_be_taken_back_for_a_day_and_all_is_as_it_was(status: str) -> None:
    until = NOON.date() + timedelta(days=30) if status == "paused" else None
    ada = reader("ada", status=status, paused_until=until, send_hour=7, last_issue_date=NOON.date())
    consent.unsubscribe(ada.public_id, now=NOON)
    assert consent.undo_unsubscribe(ada.public_id, now=NOON + timedelta(hours=23))
    assert not consent.undo_unsubscribe(ada.public_id, now=NOON + timedelta(hours=23))
    ada.refresh_from_db()
    assert (ada.status, ada.paused_until, ada.next_send_at) == (status, until, NOON + timedelta(hours=43))
    assert (ada.left_at, ada.left_as) == (None, "")
    assert [event.kind for event in ConsentEvent.objects.all()] == ["unsubscribed", "rejoined"]


def test_leaving_is_not_taken_back_for_a_suppressed_address() -> None:
    ada = reader("ada")
    consent.unsubscribe(ada.public_id, now=NOON)
    consent.suppress(ada.email, reason="complained", now=NOON)
    assert not consent.undo_unsubscribe(ada.public_id, now=NOON)
    assert not consent.pause(ada.public_id, now=NOON)
    assert not consent.weekly(ada.public_id, now=NOON)


def test_a_stranger_who_signs_a_leaver_up_again_changes_nothing_of_theirs_even_when_they_take_leaving_back() -> None:
    ada = reader("ada", wants={"keyword": ["mine"]}, zone="Europe/Berlin")
    consent.unsubscribe(ada.public_id, now=NOON)
    left, chosen = list(Subscriber.objects.values()), Choices.of(ada)
    typed = Choices(zone="Asia/Tokyo", wishes=(Wish("keyword", "spam"),)).as_json()
    consent.sign_up(LinkRequest(kind="sign_up", email=ada.email, choices=typed, asked_at=NOON), now=NOON)
    assert list(Subscriber.objects.values()) == left
    assert consent.undo_unsubscribe(ada.public_id, now=NOON + timedelta(hours=1))
    assert Choices.of(Subscriber.objects.get()) == chosen


def test_whoever_is_erased_while_they_are_signed_up_again_stays_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    ada = reader("ada")
    consent.unsubscribe(ada.public_id, now=NOON)
    look = QuerySet.select_for_update

    def erase_first(rows: QuerySet[Subscriber], **options: Any) -> QuerySet[Subscriber]:
        monkeypatch.undo()
        consent.erase(ada.public_id, now=NOON)
        return look(rows, **options)

    monkeypatch.setattr(QuerySet, "select_for_update", erase_first)
    assert sign_up(ada.email).pk != ada.pk
    ada.refresh_from_db()
    assert (ada.status, ada.email) == ("erased", "")


def test_leaving_before_confirming_is_no_way_in() -> None:
    for ada in (sign_up(), sign_up("left-long-ago@example.org")):
        if ada.email.startswith("left"):
            Subscriber.objects.filter(pk=ada.pk).update(confirmed_at=NOON - timedelta(days=90))
        consent.unsubscribe(ada.public_id, now=NOON)
        for way in (consent.undo_unsubscribe, consent.pause, consent.weekly, consent.resume):
            assert not way(ada.public_id, now=NOON)


def test_a_pause_or_a_weekly_digest_takes_no_leaving_back() -> None:
    ada = reader("ada")
    consent.unsubscribe(ada.public_id, now=NOON)
    assert not consent.pause(ada.public_id, now=NOON)
    assert not consent.weekly(ada.public_id, now=NOON)
    assert [event.kind for event in ConsentEvent.objects.all()] == ["unsubscribed"]


def test_a_weekly_digest_comes_on_mondays_and_is_on_record() -> None:
    ben = reader("ben", send_hour=7, last_issue_date=NOON.date())
    assert consent.weekly(ben.public_id, now=NOON, ip="192.0.2.1", page="/u/")
    assert not consent.weekly(ben.public_id, now=NOON)
    ben.refresh_from_db()
    assert (ben.status, ben.weekdays) == ("active", 1)
    assert ben.next_send_at == NOON + timedelta(days=7, hours=-5)
    assert list(ConsentEvent.objects.values_list("kind", "ip", "page")) == [("weekly", "192.0.2.1", "/u/")]


# --- another address -------------------------------------------------------------------------------------------------


def test_a_new_address_takes_the_place_of_the_old_one_and_ends_visits_and_links() -> None:
    ada = reader("ada", pending_email="Ada@new.example")
    new_login_token(LoginToken.Purpose.SIGN_IN, ada, now=NOON)
    assert consent.change_address(ada.public_id, now=NOON, reference="3") == AddressChange.CHANGED
    assert consent.change_address(ada.public_id, now=NOON) == AddressChange.NOT_ASKED
    ada.refresh_from_db()
    assert (ada.email, ada.email_key, ada.pending_email) == ("Ada@new.example", "ada@new.example", None)
    assert ada.key_version == 2
    assert not ada.login_tokens.exists()
    assert [event.kind for event in ConsentEvent.objects.all()] == ["changed"]


def test_only_the_spelling_of_an_address_may_change_too() -> None:
    ada = reader("ada", pending_email="Ada@example.org")
    assert consent.change_address(ada.public_id, now=NOON) == AddressChange.CHANGED


@pytest.mark.parametrize("status", ["active", "paused", "unsubscribed", "pending"])
def test_an_address_that_somebody_confirmed_stays_theirs(status: str) -> None:
    ben = reader("ben", status=status)
    ada = reader("ada", pending_email=ben.email)
    assert consent.change_address(ada.public_id, now=NOON) == AddressChange.TAKEN
    ada.refresh_from_db()
    assert (ada.email, ada.key_version) == ("ada@example.org", 1)


def test_a_sign_up_that_nobody_confirmed_gives_way() -> None:
    sign_up("ben@example.org")
    ada = reader("ada", pending_email="ben@example.org")
    assert consent.change_address(ada.public_id, now=NOON) == AddressChange.CHANGED
    assert Subscriber.objects.count() == 1


def test_a_suppressed_address_takes_no_digests() -> None:
    consent.suppress("ben@example.org", reason="bounced", now=NOON)
    ada = reader("ada", pending_email="ben@example.org")
    assert consent.change_address(ada.public_id, now=NOON) == AddressChange.SUPPRESSED


# --- erasure ---------------------------------------------------------------------------------------------------------


def test_erasure_leaves_nothing_personal_and_a_suppression_outlives_it() -> None:
    ada = reader("ada", wants={"keyword": ["bees"]}, zone="Asia/Tokyo", pending_email="ada@new.example")
    consent.unsubscribe(ada.public_id, now=NOON, ip="192.0.2.1", user_agent="Firefox")
    new_login_token(LoginToken.Purpose.SIGN_IN, ada, now=NOON)
    for email in ("ADA@example.org", "else@example.org"):
        LinkRequest.objects.create(kind="sign_in", email=email, asked_at=NOON, ip="192.0.2.1")
    consent.suppress(ada.email, reason="complained", now=NOON)

    assert consent.erase(ada.public_id, now=NOON)
    assert not consent.erase(ada.public_id, now=NOON)
    ada.refresh_from_db()
    assert (ada.email, ada.pending_email, ada.status, ada.next_send_at) == ("", None, "erased", None)
    assert (ada.zone, ada.key_version) == ("UTC", 2)
    assert [(event.kind, event.ip, event.user_agent) for event in ConsentEvent.objects.all()] == [
        ("unsubscribed", None, None), ("suppressed", None, None), ("erased", None, None),
    ]  # fmt: skip
    everything = [list(model.objects.values()) for model in apps.get_models() if model is not ConsentEvent]
    assert "ada@" not in str(everything)
    assert "bees" not in str(everything)
    assert LinkRequest.objects.get().email == "else@example.org"
    assert not ada.login_tokens.exists()

    request = LinkRequest(kind="sign_up", email="ada@example.org", choices=Choices().as_json(), asked_at=NOON)
    assert consent.sign_up(request, now=NOON) is None
    assert Subscriber.objects.count() == 1


def test_whoever_was_erased_may_begin_anew_as_somebody_else() -> None:
    ada, ben = reader("ada"), reader("ben")
    for one in (ada, ben):
        consent.erase(one.public_id, now=NOON)
    assert sign_up(ada.email).public_id != ada.public_id
    for way in (consent.confirm, consent.undo_unsubscribe, consent.pause, consent.unsubscribe):
        assert not way(ben.public_id, now=NOON)


# --- no digest without a yes -----------------------------------------------------------------------------------------

WAYS = {
    "sign up": lambda one, now: consent.sign_up(
        LinkRequest(kind="sign_up", email=one.email or "new@example.org", choices=Choices().as_json(), asked_at=now),
        now=now,
    ),
    "mail a link": lambda one, now: new_login_token(LoginToken.Purpose.CONFIRM, one, now=now),
    "confirm": lambda one, now: consent.confirm(
        one.public_id, now=now, token=one.login_tokens.filter(purpose="confirm", used_at=None).first()
    ),
    "pause": lambda one, now: consent.pause(one.public_id, now=now),
    "resume": lambda one, now: consent.resume(one.public_id, now=now),
    "weekly": lambda one, now: consent.weekly(one.public_id, now=now),
    "leave": lambda one, now: consent.unsubscribe(one.public_id, now=now),
    "rejoin": lambda one, now: consent.undo_unsubscribe(one.public_id, now=now),
    "choose": lambda one, now: save_choices(one, Choices(send_hour=9), now=now),
    "new address": lambda one, now: (
        consent.ask_for_address(one, "new@example.org", now=now),
        consent.change_address(one.public_id, now=now),
    ),
    "tidy": lambda one, now: delete_expired(now),
    "suppress": lambda one, now: one.email and consent.suppress(one.email, reason="by_hand", now=now),
    "erase": lambda one, now: consent.erase(one.public_id, now=now),
}


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(sorted(WAYS)), st.sampled_from([0, 1, 13, 25, 200])), min_size=1, max_size=12
    )
)
@hypothesis_settings(max_examples=200, deadline=None)
def test_whatever_happens_nobody_is_due_whose_last_word_was_not_yes(steps: list[tuple[str, int]]) -> None:
    with transaction.atomic():
        now = NOON
        sign_up("ada@example.org", now=now)
        for name, hours in steps:
            now += timedelta(hours=hours)
            for one in Subscriber.objects.all():
                WAYS[name](one, now)
        for due in Subscriber.objects.due(now + timedelta(days=30)):
            said = list(ConsentEvent.objects.filter(public_id=due.public_id).values_list("kind", flat=True))
            assert "confirmed" in said
            words = [kind for kind in said if kind in ("confirmed", "unsubscribed", "rejoined", "erased", "signed_up")]
            assert words[-1] in ("confirmed", "rejoined")
        transaction.set_rollback(True)
