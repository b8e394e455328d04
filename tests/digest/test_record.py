"""What a digest was made of is read as it was written, or not at all; what cannot be read is never mailed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils.safestring import mark_safe
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from digest.delivery import send, sweep
from digest.delivery.plan import plan
from digest.models import Delivery, DeliveryContent, StatusReason
from digest.record import DigestRecord, UnknownVersion, record_of
from tests.support.editions import ROBOT, publish
from tests.support.factories import NOON, delivery, reader

FULL = DigestRecord.explaining(
    [[("topic", "Robotics", 0.81), ("trending", "", 0.12)], [], [("pick", "Short “and” clear.", 0.0)]],
    arrived=412,
    matched=38,
    asked_for=["Robotics", "grasping"],
    nothing=StatusReason.NOTHING_MATCHED,
    also=[7, 9],
    summaries=[4],
    occasion="catch_up",
    rhythm="on weekdays at 07:00",
    limit=12,
    since="2026-02-26",
)
KINDS = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1)
WHYS = st.lists(st.lists(st.tuples(KINDS, st.text(), st.floats(width=32, allow_nan=False)), max_size=4), max_size=4)
OF_VERSION_2: dict[str, Any] = {
    "version": 2,
    "arrived": 412,
    "reasons": [[["topic", "Robotics"], ["trending", ""], ["average", ""]], [], [["like", ""]]],
    "terms": "KVxPP4/C9b0AAIC/AACAPg==",
}
EDITED: dict[str, Any] = {
    "a list": [1],
    "a word": "record",
    "no version": {"arrived": 3},
    "the version before": {"version": 1, "arrived": 3, "papers": [[["topic", "Robotics", 0.8]]]},
    "a version to come": {**FULL.to_json(), "version": 4},
    "no version but true": {**FULL.to_json(), "version": True},
    "a version in words": {**FULL.to_json(), "version": "3"},
    "a field nobody knows": {**FULL.to_json(), "colour": "red"},
    "a term is gone": {**FULL.to_json(), "terms": ""},
    "half a term": {**FULL.to_json(), "terms": "AAA="},
    "terms in no alphabet": {**FULL.to_json(), "terms": "é"},
    "terms as numbers": {**FULL.to_json(), "terms": [0.81]},
    "reasons are no list": {**FULL.to_json(), "reasons": 5},
    "reasons are a word": {**FULL.to_json(), "reasons": "abc"},
    "reasons as lists": {**FULL.to_json(), "reasons": [["topic"], [], ["pick", "x"]]},
    "a reason is a number": {**FULL.to_json(), "reasons": ["topic Robotics\ntrending", "", 1]},
    "before: a reason without a label": {**OF_VERSION_2, "reasons": [["topic"], [], ["pick", "x"]]},
    "before: a label is a number": {
        **OF_VERSION_2,
        "reasons": [[["topic", 1], ["trending", ""], ["a", ""]], [], [["b", ""]]],
    },
    "before: a term is gone": {**OF_VERSION_2, "terms": ""},
    "a number in words": {**FULL.to_json(), "arrived": "many"},
    "also is a number": {**FULL.to_json(), "also": 5},
    "also holds a word": {**FULL.to_json(), "also": ["x"]},
    "an id that no database has": {**FULL.to_json(), "also": [1 << 63]},
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
    assert again.reasons == ["topic Robotics\ntrending", "", "pick Short “and” clear."]
    terms = [value for why in again.explained for _, _, value in why]
    assert terms == pytest.approx([0.81, 0.12, 0.0], rel=1e-6)


def test_a_record_of_the_version_before_is_read_and_kinds_that_lowered_the_score_have_the_name_that_no_mail_tells() -> (
    None
):
    record = DigestRecord.from_json(OF_VERSION_2)
    assert record.arrived == 412
    assert record.reasons == ["topic Robotics\npopularity\naverage", "", "like"]
    assert [[(kind, label) for kind, label, _ in why] for why in record.explained] == [
        [("topic", "Robotics"), ("popularity", ""), ("average", "")],
        [],
        [("like", "")],
    ]
    assert [value for why in record.explained for _, _, value in why] == pytest.approx(
        [0.81, -0.12, -1.0, 0.25], rel=1e-6
    )
    assert DigestRecord.from_json(record.to_json()) == record


@given(WHYS)
def test_any_terms_come_back_in_their_order(reasons: list[list[tuple[str, str, float]]]) -> None:
    record = DigestRecord.explaining(reasons)
    again = DigestRecord.from_json(json.loads(json.dumps(record.to_json())))
    on_one_line = [[(kind, " ".join(label.splitlines()), value) for kind, label, value in why] for why in reasons]
    assert again.explained == on_one_line
    assert again.to_json() == record.to_json()


def test_what_is_empty_takes_no_room() -> None:
    assert DigestRecord().to_json() == {"version": 3}
    assert DigestRecord.from_json({"version": 3}) == DigestRecord()


def test_the_record_of_some_papers_has_their_reasons_only() -> None:
    assert FULL.for_papers([2, 0]).explained == [FULL.explained[2], FULL.explained[0]]
    assert DigestRecord().for_papers([1]).reasons == [""]
    assert FULL.for_papers([0]).explained_of(2) == [FULL.explained[0], []]


@pytest.mark.parametrize("edited", EDITED.values(), ids=EDITED)
def test_what_another_version_or_a_hand_wrote_is_not_guessed_at(edited: Any) -> None:
    with pytest.raises(UnknownVersion):
        DigestRecord.from_json(edited)
    assert DeliveryContent(record=edited).parsed is None


@pytest.mark.parametrize("text", ["", "{}", "null", "[1]", '{"version": 4}', '{"a":' + "[" * 5000 + "]" * 5000 + "}"])
def test_the_text_of_a_column_that_holds_no_record_is_none(text: str) -> None:
    assert record_of(text) is None


def test_a_record_is_read_from_its_text_as_from_the_column() -> None:
    assert record_of(FULL.to_text()) == record_of(FULL.to_json()) == DigestRecord.from_json(FULL.to_text())


def test_texts_that_a_template_made_are_written_like_others() -> None:
    """msgspec 0.23 takes them into a field of type str, and by itself cannot write them."""
    plain = DigestRecord.explaining([[("topic", "Robots", 1.0)]], asked_for=["Robots & co", "Bees"], since="2026-02-26")
    made = [mark_safe("Robots & co"), Markup("Bees")]
    safe = DigestRecord.explaining([[("topic", mark_safe("Robots"), 1.0)]], asked_for=made, since=Markup("2026-02-26"))
    assert safe.to_text() == plain.to_text()
    assert safe.to_json() == plain.to_json()
    assert {type(word) for word in safe.to_json()["asked_for"]} == {str}
    other: Any = [object()]
    with pytest.raises(TypeError, match="a record holds no object"):
        DigestRecord(asked_for=other).to_text()


@pytest.mark.django_db
def test_a_delivery_whose_record_is_gone_or_not_understood_has_none() -> None:
    row = delivery(reader("ada"), record=FULL)
    assert row.record is not None
    for kept in ({}, {"version": 4}, [1]):
        DeliveryContent.objects.update(record=kept)
        again = Delivery.objects.get()
        assert (again.record, again.empty_reason) == (None, "")


@pytest.mark.django_db
@pytest.mark.parametrize("has_papers", [True, False])
@pytest.mark.parametrize(
    "kept", [{}, {"version": 4}, [1], EDITED["also is a number"], EDITED["an id that no database has"]], ids=str
)
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
        sweep.reap(now)
        send.deliver_all(clock=lambda now=now: now)
    assert [message.to for message in mail.outbox] == [["ben@example.org"]]
    row = ada.deliveries.get()
    assert (row.status, row.status_reason, row.accepted_at) == ("failed", StatusReason.COMPOSE_ERROR, None)
    assert ben.deliveries.get().status == "accepted"
