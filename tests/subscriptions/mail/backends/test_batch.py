"""Many mails in one request, each with a body of its own: what each part of the answer says of its mail."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.mail import get_connection

from digest.delivery import send, sweep
from digest.delivery.plan import plan
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Delivery
from subscriptions import consent
from subscriptions.mail import mailer
from subscriptions.mail.encodings import JSON_STRING
from subscriptions.mail.mailer import Mailer, Purpose
from subscriptions.mail.outcomes import Scope, SendResult, SendStatus
from subscriptions.mail.rendering import RenderedEmail
from subscriptions.mail.template_cache import JoinedEmail
from subscriptions.models import Subscriber
from tests.support.factories import NOON, entry, feed, reader
from tests.support.provider_api import Api, provider_api

pytestmark = pytest.mark.django_db
EMAIL = RenderedEmail("A subject", "Text.\n", "<p>Text.</p>\n")
JOINED = JoinedEmail(EMAIL.subject, [JSON_STRING.encode(EMAIL.text)], [JSON_STRING.encode(EMAIL.html)], JSON_STRING)
NAMES = ("ada", "ben", "cleo")
S = SendStatus


@pytest.fixture
def api(request: pytest.FixtureRequest, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    with provider_api(getattr(request, "param", "postmark"), settings, monkeypatch) as api:
        yield api


postmark = pytest.mark.parametrize("api", ["postmark"], indirect=True)
resend = pytest.mark.parametrize("api", ["resend"], indirect=True)
both = pytest.mark.parametrize("api", ["postmark", "resend"], indirect=True)


def hand_over(
    emails: Sequence[RenderedEmail | JoinedEmail] = (JOINED, EMAIL, JOINED), **options: Any
) -> list[SendResult]:
    """Send a mail to each of NAMES, as a worker has them: most from the cache of templates, one rendered in full."""
    people = [Subscriber.objects.filter(email=f"{name}@example.org").first() or reader(name) for name in NAMES]
    with Mailer(at_once=20) as sender:
        sender.look_up(people)
        messages = [
            sender.encode(one, email, purpose=Purpose.DIGEST, message_id=f"<d.{one.pk}@x>", dated_at=NOON)
            for one, email in zip(people, emails, strict=True)
        ]
        return sender.send_batch(messages, **options)


def statuses(results: list[SendResult]) -> list[SendStatus]:
    return [result.status for result in results]


def ok(name: str) -> dict[str, Any]:
    return {"To": f"{name}@example.org", "ErrorCode": 0, "Message": "OK", "MessageID": f"id-{name}"}


def error(code: int, text: str) -> dict[str, Any]:
    return {"ErrorCode": code, "Message": text}


INACTIVE = error(
    406, "You tried to send to inactive.\nFound inactive addresses: ben@example.org. Inactive recipients are"
)


@both
def test_all_mails_of_a_chunk_go_in_one_request_each_with_its_own_body(api: Api) -> None:
    results = hand_over()
    assert statuses(results) == [S.ACCEPTED] * 3
    assert [one.provider_message_id for one in results] == [f"id-{name}@example.org" for name in NAMES]
    ((path, _, mails),) = api.requests
    assert path in ("/email/batch", "/emails/batch")
    assert len({json.dumps(mail.get("Headers") or mail["headers"]) for mail in mails}) == 3
    assert {mail.get("HtmlBody") or mail["html"] for mail in mails} == {EMAIL.html}


@both
def test_a_single_mail_is_sent_as_one(api: Api) -> None:
    with Mailer() as sender:
        found = sender.send(reader("ada"), EMAIL, purpose=Purpose.DIGEST, message_id="<d.1@x>", dated_at=NOON)
    assert (found.status, api.requests[0][0] in ("/email", "/emails")) == (S.ACCEPTED, True)


@postmark
@pytest.mark.parametrize("is_short", [False, True])
def test_two_mails_to_one_recipient_are_told_apart_by_their_place_alone(api: Api, is_short: bool) -> None:
    """A digest and an announcement may be tried again together."""
    ada = reader("ada")
    if is_short:
        api.coming = [(200, lambda said: [ok("ada")], {})]
    with Mailer(at_once=20) as sender:
        messages: list[Any] = [
            sender.encode(ada, EMAIL, purpose=Purpose.DIGEST, message_id=f"<d.{number}@x>", dated_at=NOON)
            for number in range(2)
        ]
        found = statuses(sender.send_batch(messages))
    assert found == ([S.UNKNOWN] * 2 if is_short else [S.ACCEPTED] * 2)


@postmark
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([ok("ada"), INACTIVE, ok("cleo")], [S.ACCEPTED, S.NO_SUCH_ADDRESS, S.ACCEPTED]),
        ([ok("ada"), error(300, "Invalid 'From' address."), ok("cleo")], [S.ACCEPTED, S.FAILED, S.ACCEPTED]),
        ([ok("ada"), error(429, "Slow down"), ok("cleo")], [S.ACCEPTED, S.LATER, S.ACCEPTED]),
        ([error(10, "Bad token")] * 3, [S.LATER] * 3),
        ([ok("cleo"), ok("ada"), ok("ben")], [S.ACCEPTED] * 3),
        ([ok("cleo"), INACTIVE, ok("ada")], [S.ACCEPTED, S.UNKNOWN, S.ACCEPTED]),
        ([ok("ada"), ok("cleo")], [S.ACCEPTED, S.UNKNOWN, S.ACCEPTED]),
        ([ok("ada"), ok("ben"), ok("cleo"), ok("dora")], [S.ACCEPTED] * 3),
        ([ok("ada"), INACTIVE, ok("cleo"), ok("dora")], [S.ACCEPTED, S.UNKNOWN, S.ACCEPTED]),
        ([], [S.UNKNOWN] * 3),
        ([None, "ok", 7], [S.UNKNOWN] * 3),
        ([ok("ada"), {"ErrorCode": []}, ok("cleo")], [S.ACCEPTED, S.UNKNOWN, S.ACCEPTED]),
        ([ok("ada") | {"PercentageCompleted": 1}, ok("ben"), ok("cleo")], [S.UNKNOWN, S.ACCEPTED, S.ACCEPTED]),
        ({"ErrorCode": 0, "Message": "OK"}, [S.UNKNOWN] * 3),
        (b"<html>", [S.UNKNOWN] * 3),
        (None, [S.UNKNOWN] * 3),
    ],
    ids="one-inactive one-refused one-too-fast no-log-in wrong-order wrong-order-with-an-error short long "
    "long-with-an-error empty garbled odd-code of-a-bulk-request no-list no-json hangs-up".split(),
)
def test_each_part_of_postmarks_answer_is_about_its_own_mail(api: Api, answer: Any, expected: list[SendStatus]) -> None:
    api.coming = [(200, lambda said: answer, {})]
    results = hand_over()
    assert statuses(results) == expected
    for name, result in zip(NAMES, results, strict=True):
        assert result.provider_message_id in ("", f"id-{name}")
    assert len(api.requests) == 1


ODD = [
    {"Message": "Message accepted, but delivery may be delayed."},
    {"To": "Ada <ada@example.org>"},
    {"To": "ADA@example.org"},
    {"To": "dora@example.org"},
    {"MessageID": None},
    {"MessageID": 7},
    {"MessageID": ""},
    {"ErrorCode": "0"},
    {"ErrorCode": None},
    {"ErrorCode": []},
    {"ErrorCode": {"0": 0}},
    {"PercentageCompleted": 0},
    {"more": 1},
    {"id": ""},
    {"id": 7},
    {"id": None, "more": 1},
    {"id": "theirs", "more": 1},
]


@both
@pytest.mark.parametrize("odd", [{}, *ODD])
@pytest.mark.parametrize("left_out", ["", "To", "MessageID", "Message", "ErrorCode", "id"])
def test_an_answer_says_the_same_of_a_mail_from_a_template_and_of_any_other(
    api: Api, odd: dict[str, Any], left_out: str
) -> None:
    def answer(said: Any) -> Any:
        of_ada = (ok("ada") if "To" in said[0] else {"id": "id-ada"}) | odd
        of_ada.pop(left_out, None)
        others = [ok(name) if "To" in said[0] else {"id": f"id-{name}"} for name in NAMES[1:]]
        return [of_ada, *others] if "To" in said[0] else {"data": [of_ada, *others]}

    api.coming = [(200, answer, {})] * 2
    results = hand_over([JOINED] * 3)
    assert results == hand_over([EMAIL] * 3)
    assert statuses(results[1:]) == [S.ACCEPTED] * 2
    assert not any(one.provider_message_id.startswith("{") for one in results)


@postmark
def test_answers_in_the_wrong_order_are_told_apart_by_domains_in_any_alphabet(api: Api) -> None:
    people = [
        reader(name, email=f"{name}@{domain}") for name, domain in (("ada", "bücher.example"), ("ben", "käse.example"))
    ]
    api.coming = [
        (200, lambda said: [ok(one["To"].partition("@")[0]) | {"To": one["To"]} for one in reversed(said)], {})
    ]
    with Mailer(at_once=20) as sender:
        messages: list[Any] = [
            sender.encode(one, JOINED, purpose=Purpose.DIGEST, message_id=f"<d.{one.pk}@x>", dated_at=NOON)
            for one in people
        ]
        found = sender.send_batch(messages)
    assert [one.provider_message_id for one in found] == ["id-ada", "id-ben"]


@resend
@pytest.mark.parametrize(
    "answer", [{"data": [{"id": "1"}, {"id": "2"}]}, {"data": [{"id": "1"}] * 4}, {"id": "1"}, [], b"<html>", None]
)
def test_an_answer_of_resend_that_does_not_tell_of_each_mail_leaves_all_unknown(api: Api, answer: Any) -> None:
    api.coming = [(200, lambda said: answer, {})]
    assert statuses(hand_over()) == [S.UNKNOWN] * 3


@both
@pytest.mark.parametrize(
    ("status", "expected", "scope"),
    [
        (401, S.LATER, Scope.OURS),
        (429, S.LATER, Scope.TOO_FAST),
        (500, S.UNKNOWN, Scope.NONE),
        (503, S.UNKNOWN, Scope.NONE),
    ],
)
def test_an_answer_to_the_whole_request_is_about_each_mail(
    api: Api, status: int, expected: SendStatus, scope: Scope
) -> None:
    api.coming = [(status, lambda said: error(status, "no"), {"Retry-After": "7"})]
    results = hand_over()
    assert {(one.status, one.scope) for one in results} == {(expected, scope)}
    if status == 429:
        assert {one.retry_after for one in results} == {timedelta(seconds=7)}
    assert len(api.requests) == 1


@both
@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_request_that_is_refused_as_a_whole_is_made_of_each_mail_alone(api: Api, status: int) -> None:
    def no(said: Any) -> Any:
        return error(300, "Invalid 'To' address: 'ada@example.org'.")

    api.coming = [(status, no, {}), (422, no, {})]
    results = hand_over()
    assert statuses(results)[1:] == [S.ACCEPTED] * 2
    assert statuses(results)[0] in (S.FAILED, S.NO_SUCH_ADDRESS)
    assert len(api.requests) == 4
    assert sorted(api.taken) == ["ben@example.org", "cleo@example.org"]


@both
def test_a_provider_that_is_slow_to_answer_leaves_all_unknown(api: Api, settings: Any) -> None:
    import time

    settings.ANYMAIL = settings.ANYMAIL | {"REQUESTS_TIMEOUT": (1, 0.2)}
    api.coming = [(200, lambda said: time.sleep(0.6), {})]
    assert statuses(hand_over()) == [S.UNKNOWN] * 3


@both
def test_a_provider_that_is_not_there_has_taken_nothing(api: Api, settings: Any) -> None:
    settings.ANYMAIL = settings.ANYMAIL | {
        "POSTMARK_API_URL": "http://127.0.0.1:9/",
        "RESEND_API_URL": "http://127.0.0.1:9/",
    }
    results = hand_over()
    assert {(one.status, one.scope) for one in results} == {(S.LATER, Scope.UNREACHABLE)}


@both
def test_no_time_left_means_no_request(api: Api) -> None:
    assert statuses(hand_over(in_time=lambda: False)) == [S.NOT_TRIED] * 3
    assert api.requests == []


@pytest.mark.parametrize(("exempt", "used"), [("", True), ("127.0.0.1", False)])
@both
def test_a_proxy_and_certificates_of_the_environment_are_used(
    api: Api, exempt: str, used: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", exempt)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file.pem")
    assert {one.scope for one in hand_over()} == {Scope.UNREACHABLE if used else Scope.NONE}
    session: Any = get_connection().create_session()
    assert session.verify == "/no/such/file.pem"
    assert session.proxies.get("http") == ("http://127.0.0.1:9" if used else None)


# --- what is tried again by one key ----------------------------------------------------------------------------------


def at(**time: float) -> datetime:
    return NOON + timedelta(**time)


def deliver(moment: datetime) -> None:
    sweep.reap(moment)
    send.deliver_all(clock=lambda: moment)


def planned(*names: str) -> None:
    shown = feed(*(entry(number) for number in range(1, 4)))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(NOON.date(), now=NOON)
    plan(NOON, [reader(name).pk for name in names], issue_date=NOON.date())


def rows() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("status", flat=True))


def taken_but_not_told(api: Api) -> None:
    """The provider takes the next request, and fails before it says so."""

    def take(said: Any) -> Any:
        api.keys[api.requests[-1][1]["Idempotency-Key"]] = api.takes(said)
        return error(500, "no")

    api.coming = [(500, take, {})]


@resend
def test_resend_gets_the_same_request_again_by_its_key_and_sends_nobody_twice(api: Api) -> None:
    taken_but_not_told(api)
    planned(*NAMES)
    deliver(NOON)
    assert rows() == ["retry_wait"] * 3
    Delivery.objects.filter(subscriber__email="ada@example.org").update(attempts=1)
    deliver(at(minutes=2))
    assert rows() == ["accepted"] * 3
    assert sorted(api.taken) == [f"{name}@example.org" for name in NAMES]
    first, second = api.requests
    assert (first[2], first[1]["Idempotency-Key"]) == (second[2], second[1]["Idempotency-Key"])
    assert set(Delivery.objects.values_list("provider_message_id", flat=True)) == {
        f"id-{name}@example.org" for name in NAMES
    }


@resend
def test_a_request_that_may_have_left_does_not_go_again_without_one_of_its_mails(api: Api) -> None:
    taken_but_not_told(api)
    planned(*NAMES)
    deliver(NOON)
    consent.suppress("ben@example.org", reason="complained", now=NOON)
    deliver(at(minutes=2))
    assert rows() == ["unknown"] * 3
    assert len(api.requests) == 1


@resend
def test_mails_that_may_have_left_do_not_go_with_new_ones(api: Api) -> None:
    taken_but_not_told(api)
    planned(*NAMES)
    deliver(NOON)
    people = [reader(name) for name in ("dora", "eve")]
    plan(NOON, [one.pk for one in people], issue_date=NOON.date())
    deliver(at(minutes=2))
    assert rows() == ["accepted"] * 5
    assert sorted(len(said) for _, _, said in api.requests) == [2, 3, 3]


@resend
def test_what_surely_was_not_taken_has_no_key_left(api: Api) -> None:
    api.coming = [(429, lambda said: error(429, "slow down"), {})]
    planned(*NAMES)
    deliver(NOON)
    assert rows() == ["retry_wait"] * 3
    assert set(Delivery.objects.values_list("provider_message_id", "handed_over_at")) == {("", None)}
    deliver(at(minutes=5))
    assert rows() == ["accepted"] * 3


@postmark
def test_postmark_knows_no_key_so_that_what_may_have_left_is_unknown(api: Api) -> None:
    api.coming = [(500, lambda said: error(500, "no"), {})]
    planned(*NAMES)
    deliver(NOON)
    deliver(at(minutes=5))
    assert (rows(), len(api.requests)) == (["unknown"] * 3, 1)


@resend
def test_a_dead_workers_request_is_made_again_by_its_key(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def killed(*args: Any, **options: Any) -> None:
        raise Killed

    planned(*NAMES)
    with monkeypatch.context() as patch:
        patch.setattr(mailer.Mailer, "_send_together", _begun_and(killed))
        with pytest.raises(Killed):
            send.deliver_all(clock=lambda: NOON)
    deliver(at(seconds=10))
    assert rows() == ["accepted"] * 3
    assert len(api.requests) == 1


@resend
def test_a_worker_that_dies_before_it_asks_again_leaves_the_requests_key(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*args: Any, **options: Any) -> None:
        raise Killed

    taken_but_not_told(api)
    planned(*NAMES)
    deliver(NOON)
    with monkeypatch.context() as patch:
        patch.setattr(mailer.Mailer, "_send_together", killed)
        with pytest.raises(Killed):
            deliver(at(minutes=2))
    deliver(at(minutes=3))
    assert rows() == ["accepted"] * 3
    assert sorted(api.taken) == [f"{name}@example.org" for name in NAMES]


@resend
def test_a_request_that_may_have_left_keeps_its_key_when_it_meets_a_limit(api: Api) -> None:
    taken_but_not_told(api)
    planned(*NAMES)
    deliver(NOON)
    kept, api.keys = api.keys, {}
    api.coming = [(429, lambda said: error(429, "slow down"), {})]
    deliver(at(minutes=2))
    assert rows() == ["retry_wait"] * 3
    api.keys = kept
    deliver(at(minutes=10))
    assert rows() == ["accepted"] * 3
    assert sorted(api.taken) == [f"{name}@example.org" for name in NAMES]


def test_a_lost_batch_is_halved_between_requests_that_may_have_left() -> None:
    planned(*NAMES, "dora", "eve", "finn")
    keys = list(Delivery.objects.order_by("pk").values_list("pk", flat=True))
    Delivery.objects.filter(pk__in=keys[:4]).update(provider_message_id="batch/1")
    Delivery.objects.filter(pk__in=keys[4:]).update(provider_message_id="batch/2")
    batch = Delivery.objects.earliest("pk").batch
    assert batch
    assert sweep._in_halves(batch) == (keys, 4)
    batch.attempts = sweep.MOST_LEASES  # one of them stops its workers
    assert sweep._in_halves(batch) == (keys, 3)


def _begun_and(then: Callable[..., None]) -> Any:
    def send_together(self: Mailer, messages: Any, journal: Any) -> None:
        journal.begin([message.reference for message in messages])
        then()

    return send_together
