"""What may be handed over again, what may not, and what a worker writes when somebody else wrote first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import InternalError, OperationalError

from digest import jobs
from digest.delivery import results, send, sweep, throttle
from digest.delivery.plan import plan
from digest.delivery.send import CHUNK
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Batch, Delivery, Provider
from digest.reader_data.erase import erase
from subscriptions import consent
from subscriptions.mail import mailer
from subscriptions.mail.mailer import Mailer
from subscriptions.mail.message import EncodedMessage
from subscriptions.mail.outcomes import Scope, SendResult, SendStatus
from subscriptions.models import Subscriber
from tests.support.factories import NOON, entry, feed, reader

pytestmark = pytest.mark.django_db
UNKNOWN = SendResult(SendStatus.UNKNOWN, "It is not known whether the mail left.", answer="500")
LATER = SendResult(SendStatus.LATER, "The mail server asks for patience.", answer="451")
ACCEPTED = SendResult(SendStatus.ACCEPTED, provider_message_id="theirs")
FAILED = SendResult(SendStatus.FAILED, "The mail provider answered 422.", answer="422")


def at(**time: float) -> datetime:
    return NOON + timedelta(**time)


def planned(*readers: Subscriber) -> list[Delivery]:
    shown = feed(*(entry(number) for number in range(1, 4)))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(NOON.date(), now=NOON)
    plan(NOON, [one.pk for one in readers], issue_date=NOON.date())
    return list(Delivery.objects.order_by("pk"))


def statuses() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("status", flat=True))


Answers = Callable[[EncodedMessage], SendResult]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, settings: Any) -> list[Any]:
    """What becomes of the mails that are handed over, one after the other; the last for all that follow."""
    settings.MAIL_PROVIDER = "resend"  # which knows a mail by its key for a day
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    monkeypatch.setattr(mailer, "IN_TURN", ("resend", "brevo", "postmark"))  # answers that write use this connection
    # each mail alone, under its own key; requests for many are in subscriptions/mail/backends/test_batch
    monkeypatch.setattr(mailer, "TAKE_MANY", ())
    monkeypatch.setattr(send, "BATCH_KEYS", ())
    coming: list[Any] = []

    def answer(mailer: Mailer, message: EncodedMessage, journal: Any = None) -> SendResult:
        said = coming.pop(0) if len(coming) > 1 else coming[0]
        mail.outbox.append(message)
        return said(message) if callable(said) else said

    monkeypatch.setattr(mailer.Mailer, "_send", answer)
    return coming


def deliver(moment: datetime) -> None:
    sweep.reap(moment)
    send.deliver_all(clock=lambda: moment)


def test_what_may_have_left_is_tried_again_where_the_provider_knows_it_by_its_key(answers: list[Any]) -> None:
    answers += [UNKNOWN, ACCEPTED]
    planned(reader("ada"))
    deliver(NOON)
    assert statuses() == ["retry_wait"]
    assert Delivery.objects.get().handed_over_at == NOON  # since when it may have left
    deliver(at(minutes=2))
    assert statuses() == ["accepted"]
    first, second = (message.message().as_bytes() for message in mail.outbox)
    assert first == second
    assert mail.outbox[0].metadata == mail.outbox[1].metadata


def test_what_may_have_left_is_never_tried_again_by_another_provider(answers: list[Any], settings: Any) -> None:
    settings.MAIL_PROVIDER = "postmark"
    answers += [UNKNOWN, ACCEPTED]
    planned(reader("ada"))
    deliver(NOON)
    deliver(at(minutes=2))
    assert (statuses(), len(mail.outbox)) == (["unknown"], 1)


def test_a_key_that_is_forgotten_by_then_is_not_relied_on(answers: list[Any], settings: Any) -> None:
    settings.MAIL_PROVIDER = "brevo"  # for a quarter of an hour
    answers += [UNKNOWN]
    planned(reader("ada"))
    for minutes in (0, 2, 6, 18, 60):
        deliver(at(minutes=minutes))
    assert (statuses(), len(mail.outbox)) == (["unknown"], 3)  # a fourth would come too late
    assert Delivery.objects.get().handed_over_at == NOON


def test_a_key_that_was_forgotten_during_a_pause_is_not_relied_on(answers: list[Any], settings: Any) -> None:
    settings.MAIL_PROVIDER = "brevo"
    answers += [UNKNOWN]
    planned(reader("ada"))
    deliver(NOON)
    throttle.pause("lunch")
    deliver(at(minutes=2))
    throttle.resume(now=at(minutes=40))
    deliver(at(minutes=40))
    assert (statuses(), len(mail.outbox)) == (["unknown"], 1)


@pytest.mark.parametrize("ending", [FAILED, "unsubscribed", "expired"])
def test_what_an_earlier_try_left_unknown_stays_unknown(answers: list[Any], ending: Any) -> None:
    answers += [UNKNOWN, FAILED]
    ada = reader("ada")
    planned(ada)
    deliver(NOON)
    if ending == "unsubscribed":
        consent.unsubscribe(ada.public_id, now=at(minutes=1))
    deliver(at(hours=6) if ending == "expired" else at(minutes=2))
    assert statuses() == ["unknown"]


def test_a_dead_workers_mails_are_tried_again_where_the_provider_knows_them(answers: list[Any]) -> None:
    answers += [ACCEPTED]
    planned(reader("ada"))
    batch = send.lease_batch(NOON)
    assert batch is not None
    send._take_chunk(batch, Mailer(), NOON, results.Outcomes(), limit=CHUNK)  # and here it dies
    deliver(at(seconds=301))
    assert (statuses(), len(mail.outbox)) == (["accepted"], 1)


def test_six_tries_are_enough(answers: list[Any]) -> None:
    answers += [LATER]
    planned(reader("ada"))
    for minutes in (0, 2, 6, 18, 55, 130, 200):
        deliver(at(minutes=minutes))
    assert (statuses(), len(mail.outbox)) == (["failed"], 6)


@pytest.mark.parametrize("trouble", [Scope.UNREACHABLE, Scope.OURS])
def test_a_morning_without_a_mail_server_costs_no_digest_that_could_still_leave(
    answers: list[Any], trouble: Scope
) -> None:
    answers += [
        SendResult(SendStatus.LATER, "No connection to the mail server.", answer="no connection", scope=trouble)
    ]
    planned(reader("ada"))
    for minute in range(240):
        deliver(at(minutes=minute))
    answers[:] = [ACCEPTED]
    for minute in range(240, 300):
        deliver(at(minutes=minute))
    assert statuses() == ["accepted"]
    assert len(mail.outbox) <= (12 if trouble == Scope.UNREACHABLE else 17)  # once in each hold of 15 minutes


def test_what_nobody_was_there_to_take_expires_and_its_papers_return(answers: list[Any]) -> None:
    gone = SendResult(SendStatus.LATER, "No connection.", answer="no connection", scope=Scope.UNREACHABLE)
    answers += [gone]
    planned(reader("ada"))
    for minute in range(310):
        deliver(at(minutes=minute))
    assert list(Delivery.objects.values_list("status", "status_reason")) == [("expired", "expired")]


def test_a_provider_says_how_long_to_wait(answers: list[Any]) -> None:
    answers += [
        SendResult(SendStatus.LATER, answer="429", scope=Scope.TOO_FAST, retry_after=timedelta(minutes=7)),
        ACCEPTED,
    ]
    (row,) = planned(reader("ada"))
    deliver(NOON)
    row.refresh_from_db()
    assert (row.not_before, row.handed_over_at) == (at(minutes=7), None)
    deliver(at(minutes=6))
    assert len(mail.outbox) == 1
    deliver(at(minutes=7))
    assert statuses() == ["accepted"]


def test_an_event_that_came_first_is_not_overwritten(answers: list[Any]) -> None:
    def bounced_meanwhile(message: EncodedMessage) -> SendResult:
        Delivery.objects.update(status="bounced")
        return ACCEPTED

    answers += [bounced_meanwhile]
    planned(reader("ada"))
    deliver(NOON)
    assert statuses() == ["bounced"]
    assert Delivery.objects.get().provider_message_id == "theirs"


def test_a_worker_that_comes_back_after_its_lease_knows_better_than_the_sweep(answers: list[Any]) -> None:
    def swept_meanwhile(message: EncodedMessage) -> SendResult:
        sweep.reap(at(minutes=6))
        return ACCEPTED

    answers += [swept_meanwhile]
    planned(reader("ada"))
    deliver(NOON)
    assert statuses() == ["accepted"]
    deliver(at(minutes=7))
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "error",
    [
        OperationalError("server closed the connection unexpectedly"),
        InternalError("cannot execute UPDATE in a read-only transaction"),  # after a failover
    ],
)
def test_a_database_that_goes_away_after_the_mail_has_left_is_waited_for(
    answers: list[Any], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    answers += [ACCEPTED]
    planned(reader("ada"), reader("ben"))
    written, waited = results.write, list[float]()

    def write(*args: Any, **options: Any) -> None:
        if len(waited) < 3:
            raise error
        written(*args, **options)

    monkeypatch.setattr(results, "write", write)
    monkeypatch.setattr(results.time, "sleep", waited.append)
    deliver(NOON)
    assert (statuses(), len(mail.outbox), waited) == (["accepted"] * 2, 2, [0.1, 0.5, 1])


def test_who_wakes_after_the_lease_leaves_nothing_in_a_batch_that_is_done(answers: list[Any], settings: Any) -> None:
    settings.MAIL_PROVIDER = "postmark"
    now = [NOON]

    def sleeps(message: EncodedMessage) -> SendResult:
        now[0] = at(minutes=6)
        sweep.reap(now[0])
        return ACCEPTED

    answers += [sleeps, ACCEPTED]
    planned(*(reader(f"reader{number}") for number in range(4)))
    send.deliver_all(clock=lambda: now[0])
    assert statuses() == ["accepted", "retry_wait", "retry_wait", "retry_wait"]
    deliver(at(minutes=7))
    assert (statuses(), len(mail.outbox)) == (["accepted"] * 4, 4)


def test_a_lost_batch_comes_back_in_halves(answers: list[Any]) -> None:
    answers += [ACCEPTED]
    planned(*(reader(f"reader{number}") for number in range(5)))
    for minutes, sizes in ((0, [5]), (6, [2, 3]), (12, [1, 2, 2])):
        sweep.reap(at(minutes=minutes))
        open_ones = Batch.objects.filter(status="open")
        assert sorted(batch.deliveries.count() for batch in open_ones) == sizes
        assert sorted(open_ones.values_list("size", flat=True)) == sizes
        send.lease_batch(at(minutes=minutes))  # the first: a worker that dies at once
    deliver(at(minutes=18))
    assert (statuses(), len(mail.outbox)) == (["accepted"] * 5, 5)


def test_a_digest_that_stops_every_worker_is_given_up_and_the_others_leave(answers: list[Any]) -> None:
    answers += [ACCEPTED]
    poison, *_ = planned(*(reader(f"reader{number}") for number in range(9)))
    for round_ in range(12):
        moment = at(minutes=6 * round_)
        sweep.reap(moment)
        while batch := send.lease_batch(moment):
            if not batch.deliveries.filter(pk=poison.pk, status="ready").exists():  # else the worker dies of it
                send.deliver(batch, clock=lambda moment=moment: moment)
    assert statuses() == ["failed"] + ["accepted"] * 8
    assert Delivery.objects.get(pk=poison.pk).status_reason == "poison"


def test_a_pause_takes_effect_with_the_next_chunk_and_resuming_sends_nobody_twice(answers: list[Any]) -> None:
    def paused_meanwhile(message: EncodedMessage) -> SendResult:
        throttle.pause("a mistake in the mail")
        return ACCEPTED

    answers += [paused_meanwhile, ACCEPTED]
    planned(*(reader(f"reader{number}") for number in range(CHUNK + 3)))
    deliver(NOON)
    assert len(mail.outbox) == CHUNK
    assert jobs.waiting(at(minutes=1)) == 0
    deliver(at(minutes=2))
    assert len(mail.outbox) == CHUNK
    throttle.resume(now=at(minutes=3))
    deliver(at(minutes=3))
    assert set(statuses()) == {"accepted"}
    assert len({message.to[0] for message in mail.outbox}) == len(mail.outbox) == CHUNK + 3


def test_a_log_in_that_is_refused_stops_the_run_and_nothing_is_lost(answers: list[Any]) -> None:
    answers += [SendResult(SendStatus.LATER, "The mail provider answered 401.", answer="401", scope=Scope.OURS)]
    planned(*(reader(f"reader{number}") for number in range(2 * CHUNK)))
    deliver(NOON)
    assert len(mail.outbox) == 3  # in a row: the others would be refused too
    answers[:] = [ACCEPTED]
    deliver(at(minutes=16))
    assert set(statuses()) == {"accepted"}


def test_a_chunk_whose_time_is_over_leaves_the_rest_for_another_try(answers: list[Any]) -> None:
    answers += [ACCEPTED]
    planned(*(reader(f"reader{number}") for number in range(5)))
    moments = iter([NOON] * 4 + [at(minutes=2)] * 99)
    batch = send.lease_batch(NOON)
    assert batch is not None
    send.deliver(batch, clock=lambda: next(moments))
    assert statuses() == ["accepted", "accepted", "retry_wait", "retry_wait", "retry_wait"]
    assert list(Delivery.objects.order_by("pk").values_list("attempts", "handed_over_at"))[2] == (0, None)
    deliver(at(minutes=2))
    assert (set(statuses()), len(mail.outbox)) == ({"accepted"}, 5)


def test_whoever_holds_a_batch_says_when_somebody_should_go_on(answers: list[Any], settings: Any) -> None:
    settings.MAIL_RATE = 0.5  # one mail a chunk, every two seconds
    answers += [ACCEPTED]
    planned(*(reader(f"reader{number}") for number in range(6)))
    Provider.objects.create(name="resend", next_at=at(seconds=20))  # taken by others
    assert jobs.deliver(lambda: NOON) == timedelta(seconds=20)
    assert mail.outbox == []
    assert jobs.deliver(lambda: NOON) is None  # it waits for its time
    assert jobs.waiting(NOON) == 0
    assert jobs.waiting(at(seconds=20)) == 1


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_clock_that_jumps_an_hour_sends_nothing_twice(answers: list[Any], jump: timedelta) -> None:
    """Forward in the middle of a chunk, whose lease is then over; or back, and everything seems to lie ahead."""
    clock = [NOON]

    def jumps(message: EncodedMessage) -> SendResult:
        clock[0] = NOON + jump
        sweep.reap(clock[0])
        return ACCEPTED

    answers += [ACCEPTED, jumps, ACCEPTED]
    planned(*(reader(f"reader{number}") for number in range(2 * CHUNK)))
    for _ in range(3):
        sweep.reap(clock[0])
        send.deliver_all(clock=lambda: clock[0])
        clock[0] += timedelta(minutes=6)
    assert len({message.to[0] for message in mail.outbox}) == len(mail.outbox) == 2 * CHUNK
    assert set(statuses()) == {"accepted"}


def test_a_clock_that_is_put_back_does_not_lengthen_a_delivery(answers: list[Any]) -> None:
    """The time of a task goes on, and ends it in the middle of a mail."""
    clock = [NOON]

    def takes_ten_seconds(message: EncodedMessage) -> SendResult:
        clock[0] += timedelta(seconds=10) if len(mail.outbox) > 1 else timedelta(hours=-1)
        return ACCEPTED

    answers += [takes_ten_seconds]
    planned(*(reader(f"reader{number}") for number in range(2 * CHUNK)))
    batch = send.lease_batch(NOON)
    assert batch is not None
    send.deliver(batch, clock=lambda: clock[0])
    assert len(mail.outbox) * 10 <= 2 * send.LONGEST_CHUNK.total_seconds()


def test_what_a_dead_worker_took_by_a_clock_that_was_ahead_is_not_held_for_as_long(answers: list[Any]) -> None:
    answers += [ACCEPTED]
    planned(reader("ada"))
    send.lease_batch(at(hours=6))
    deliver(NOON)
    assert statuses() == ["accepted"]


def test_a_chunk_of_ordinary_and_other_rows_writes_each_as_it_is(answers: list[Any]) -> None:
    """Ordinary rows take one statement; an answer in words, a number, a second try and an erased reader leave it."""
    in_words = SendResult(SendStatus.ACCEPTED, "251 forwarded", answer="251")
    answers += [
        SendResult(SendStatus.ACCEPTED),
        in_words,
        ACCEPTED,
        LATER,
        FAILED,
        UNKNOWN,
        SendResult(SendStatus.ACCEPTED),
    ]
    rows = planned(*(reader(f"reader{number}") for number in range(8)))
    Delivery.objects.filter(pk=rows[6].pk).update(attempts=2)

    def erased_meanwhile(message: EncodedMessage) -> SendResult:
        erase(rows[7].subscriber, now=NOON)
        return SendResult(SendStatus.ACCEPTED)

    answers.append(erased_meanwhile)
    deliver(NOON)
    found = list(
        Delivery.objects.order_by("pk").values_list(
            "status", "answer", "provider_message_id", "attempts", "accepted_at"
        )
    )
    assert found == [
        ("accepted", "", "", 1, NOON),
        ("accepted", "251", "", 1, NOON),
        ("accepted", "", "theirs", 1, NOON),
        ("retry_wait", "451", "", 1, None),
        ("failed", "422", "", 1, None),
        ("retry_wait", "500", "", 1, None),
        ("accepted", "", "", 3, NOON),
        ("accepted", "", "", 1, NOON),
    ]
    assert Delivery.objects.get(pk=rows[7].pk).message_id is None
    got = Subscriber.objects.order_by("pk").values_list("last_digest_at", flat=True)
    assert [when == NOON for when in got] == [True, True, True, False, False, False, True, True]


def test_an_event_is_not_overwritten_by_an_ordinary_acceptance(answers: list[Any]) -> None:
    def bounced_meanwhile(message: EncodedMessage) -> SendResult:
        Delivery.objects.filter(message_id__startswith=f"<{message.reference}").update(status="bounced")
        return SendResult(SendStatus.ACCEPTED)

    answers += [bounced_meanwhile, SendResult(SendStatus.ACCEPTED)]
    planned(reader("ada"), reader("ben"))
    deliver(NOON)
    assert statuses() == ["bounced", "accepted"]


def test_what_the_sweep_gave_up_is_accepted_all_the_same(answers: list[Any]) -> None:
    def swept_meanwhile(message: EncodedMessage) -> SendResult:
        sweep.reap(at(minutes=6))
        return SendResult(SendStatus.ACCEPTED)

    answers += [swept_meanwhile]
    planned(reader("ada"))
    deliver(NOON)
    assert list(Delivery.objects.values_list("status", "attempts", "handed_over_at")) == [("accepted", 1, NOON)]
