"""Readers found and told of in words."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from subscriptions import consent
from subscriptions.lookup import find_readers, rhythm_of, standing_in_words, suppression_of, wishes_of
from subscriptions.models import Subscriber
from tests.support.factories import NOON, reader, want

pytestmark = pytest.mark.django_db


def test_an_exact_address_comes_before_those_that_begin_so() -> None:
    ada = reader("ada")
    reader("ada2", email="ada@example.org.uk")
    assert find_readers("ada@example.org") == [ada]
    assert len(find_readers("ada@example")) == 2


def test_a_number_that_looks_like_the_beginning_of_an_address_still_finds_addresses() -> None:
    long = reader("long", email="abcdefghijklmnopqrstuvwxyz@example.org")
    assert find_readers("abcdefghijklmnopqrstuv") == [long]


@pytest.mark.parametrize(
    ("change", "mood", "words"),
    [
        ({}, "good", "Gets digests. The next one is due on 2 March at 12:00, UTC."),
        ({"status": "pending", "confirmed_at": None}, "wait", "has not confirmed yet"),
        ({"status": "paused"}, "wait", "Paused by the reader: gets"),
        ({"status": "paused", "paused_until": date(2026, 3, 9)}, "wait", "until 9 March 2026"),
        ({"status": "paused", "paused_until": date(2026, 3, 1)}, "good", "Gets digests."),
        ({"status": "unsubscribed", "left_at": NOON}, "bad", "Unsubscribed on 2 March 2026"),
        ({"status": "erased"}, "bad", "Erased"),
    ],
)
def test_how_a_reader_stands(change: dict[str, Any], mood: str, words: str) -> None:
    said = standing_in_words(reader("ada", **change), None, now=NOON)
    assert said[0] == mood
    assert words in said[1]


def test_a_suppression_is_said_first_and_one_that_was_lifted_is_not() -> None:
    ada = reader("ada")
    consent.suppress(ada.email, reason="bounced", now=NOON)
    assert standing_in_words(ada, suppression_of(ada.email), now=NOON)[1].startswith("Suppressed")
    consent.lift(ada.email, by="petra", why="a new mailbox", now=NOON + timedelta(days=1))
    assert standing_in_words(ada, suppression_of(ada.email), now=NOON)[1].startswith("Gets digests")


def test_wishes_and_rhythm_are_said_by_their_names() -> None:
    ada = reader("ada", wants={"topic": ["Robotics", "Vision"], "author": ["Ingrid Solheim"]}, weekdays=0b10001)
    want(ada, "keyword", "survey", stance="mute")
    wishes = dict(wishes_of(Subscriber.objects.get()))
    assert wishes == {"Topics": ["Robotics", "Vision"], "Authors": ["Ingrid Solheim"], "Muted keywords": ["survey"]}
    assert rhythm_of(ada) == "Mon, Fri at 7:00, UTC"
