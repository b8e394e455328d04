"""What a digest was made of is read as it was written, or not at all; what cannot be read is never mailed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from hypothesis import given
from hypothesis import strategies as st

from digest.delivery import send
from digest.delivery.plan import plan
from digest.models import Delivery, DeliveryContent, StatusReason
from digest.record import DigestRecord, UnknownVersion
from tests.support.editions import ROBOT, publish
from tests.support.factories import NOON, delivery, reader

FULL = DigestRecord(
    arrived=412,
    matched=38,
    asked_for=["Robotics", "grasping"],
    reasons=[[("topic", "Robotics", 0.81), ("trending", "", -0.12)], [], [("pick", "Short “and” clear.", 0.0)]],
    nothing=StatusReason.NOTHING_MATCHED,
    also=[7, 9],
    summaries=[4],
    occasion="catch_up",
    rhythm="on weekdays at 07:00",
    limit=12,
    since="2026-02-26",
)
WHYS = st.lists(st.lists(st.tuples(st.text(), st.text(), st.floats(width=32, allow_nan=False)), max_size=4), max_size=4)
EDITED: dict[str, Any] = {
    "a list": [1],
    "a word": "record",
    "no version": {"arrived": 3},
    "the version before": {"version": 1, "arrived": 3, "papers": [[["topic", "Robotics", 0.8]]]},
    "a version to come": {**FULL.to_json(), "version": 3},
    "a version in words": {**FULL.to_json(), "version": "2"},
    "a field nobody knows": {**FULL.to_json(), "colour": "red"},
    "a term is gone": {**FULL.to_json(), "terms": ""},
    "half a term": {**FULL.to_json(), "terms": "AAA="},
    "terms in no alphabet": {**FULL.to_json(), "terms": "é"},
    "terms as numbers": {**FULL.to_json(), "terms": [0.81]},
    "reasons are no list": {**FULL.to_json(), "reasons": 5},
    "a reason without a label": {**FULL.to_json(), "reasons": [["topic"], [], ["pick", "x"]]},
    "a label is a number": {**FULL.to_json(), "reasons": [[["topic", 1], ["trending", ""]], [], [["pick", ""]]]},
    "a number in words": {**FULL.to_json(), "arrived": "many"},
    "also is a number": {**FULL.to_json(), "also": 5},
    "also holds a word": {**FULL.to_json(), "also": ["x"]},
    "a summary is a word": {**FULL.to_json(), "summaries": ["x"]},
    "what was asked for is null": {**FULL.to_json(), "asked_for": None},
    "the day is none": {**FULL.to_json(), "since": "Thursday"},
}


def test_a_record_is_read_as_it_was_written_but_for_the_seven_digits_of_its_terms() -> None:
    again = DigestRecord.from_json(json.loads(json.dumps(FULL.to_json())))
    for name in (
        "arrived",
        "matched",
        "asked_for",
        "nothing",
        "also",
        "summaries",
        "occasion",
        "rhythm",
        "limit",
        "since",
    ):
        assert getattr(again, name) == getattr(FULL, name), name
    assert [[term[:2] for term in why] for why in again.reasons] == [[term[:2] for term in why] for why in FULL.reasons]
    terms = [value for why in again.reasons for _, _, value in why]
    assert terms == pytest.approx([0.81, -0.12, 0.0], rel=1e-6)


@given(WHYS)
def test_any_terms_come_back_in_their_order(reasons: list[list[tuple[str, str, float]]]) -> None:
    again = DigestRecord.from_json(json.loads(json.dumps(DigestRecord(reasons=reasons).to_json())))
    assert [list(why) for why in again.reasons] == reasons
    assert again.to_json() == DigestRecord(reasons=reasons).to_json()


def test_what_is_empty_takes_no_room() -> None:
    assert DigestRecord().to_json() == {"version": 2}
    assert DigestRecord.from_json({"version": 2}) == DigestRecord(reasons=[])


def test_the_record_of_some_papers_has_their_reasons_only() -> None:
    assert FULL.for_papers([2, 0]).reasons == [FULL.reasons[2], FULL.reasons[0]]
    assert DigestRecord().for_papers([1]).reasons == ()
    assert list(DigestRecord(reasons=[FULL.reasons[0]]).reasons_of(2)) == [FULL.reasons[0], ()]


@pytest.mark.parametrize("edited", EDITED.values(), ids=EDITED)
def test_what_another_version_or_a_hand_wrote_is_not_guessed_at(edited: Any) -> None:
    with pytest.raises(UnknownVersion):
        DigestRecord.from_json(edited)
    assert DeliveryContent(record=edited).parsed is None


@pytest.mark.django_db
def test_a_delivery_whose_record_is_gone_or_not_understood_has_none() -> None:
    row = delivery(reader("ada"), record=FULL)
    assert row.record is not None
    for kept in ({}, {"version": 3}, [1]):
        DeliveryContent.objects.update(record=kept)
        again = Delivery.objects.get()
        assert (again.record, again.empty_reason) == (None, "")


@pytest.mark.django_db
@pytest.mark.parametrize("has_papers", [True, False])
@pytest.mark.parametrize("kept", [{}, {"version": 3}, [1], EDITED["also is a number"]], ids=str)
def test_a_mail_whose_record_cannot_be_read_does_not_leave_and_the_others_leave_once(
    kept: Any, has_papers: bool
) -> None:
    publish(ROBOT)
    wants = {"category": ["cs.RO"]} if has_papers else {"keyword": ["volcano"]}
    ada, ben = (reader(name, wants=wants, quiet_days=True) for name in ("ada", "ben"))
    plan(NOON, [ada.pk, ben.pk], issue_date=NOON.date())
    DeliveryContent.objects.filter(delivery__subscriber=ada).update(record=kept)
    for minutes in (0, 5, 40, 400):
        now = NOON + timedelta(minutes=minutes)
        send.reap(now)
        send.deliver_all(clock=lambda now=now: now)
    assert [message.to for message in mail.outbox] == [["ben@example.org"]]
    row = ada.deliveries.get()
    assert (row.status, row.status_reason, row.accepted_at) == ("failed", StatusReason.COMPOSE_ERROR, None)
    assert ben.deliveries.get().status == "accepted"
