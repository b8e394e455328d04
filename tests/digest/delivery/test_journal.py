"""What a killed worker was doing is known from its journal: only what was in transit is unknown."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from django.core import mail

from digest.delivery import journal, results, send, sweep
from digest.delivery.journal import Journal, left_behind
from digest.delivery.plan import plan
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Batch, Delivery
from digest.reader_data.erase import erase
from subscriptions.mail.mailer import Mailer
from subscriptions.mail.outcomes import ACCEPTED, Scope, SendReason, SendResult, SendStatus
from subscriptions.models import Subscriber, Suppression
from tests.support.factories import NOON, entry, feed, reader

pytestmark = [pytest.mark.django_db, pytest.mark.service]
SOON = NOON + timedelta(seconds=20)  # the lease lasts for minutes yet
NO_SUCH_ADDRESS = SendResult(
    SendStatus.NO_SUCH_ADDRESS, "550 5.1.1 no", answer="5.1.1", reason=SendReason.NO_SUCH_ADDRESS
)


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.JOURNALS = tmp_path / "journals"
    return settings.JOURNALS


def planned(*readers: Subscriber) -> list[Delivery]:
    shown = feed(*(entry(number) for number in range(1, 4)))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=NOON)
    open_edition(NOON.date(), now=NOON)
    plan(NOON, [one.pk for one in readers], issue_date=NOON.date())
    return list(Delivery.objects.order_by("pk"))


def taken(count: int, *, limit: int = 100) -> tuple[Batch, list[Delivery]]:
    """A leased batch of so many, and those of it that its worker has marked."""
    planned(*(reader(f"reader{number}") for number in range(count)))
    batch = send.lease_batch(NOON)
    assert batch
    return batch, send._take_chunk(batch, Mailer(), NOON, results.Outcomes(), limit=limit)


Deed = Callable[[Journal], Any]


@contextmanager
def another_process(token: str, deed: Deed, *, dies: bool = True) -> Iterator[int]:
    """A process that keeps this journal, and is killed (kill -9), or stopped where it is until the end."""
    pid = os.fork()
    if not pid:
        with Journal(token) as kept:
            deed(kept)
            os.kill(os.getpid(), signal.SIGKILL if dies else signal.SIGSTOP)
        os._exit(1)
    try:
        _, status = os.waitpid(pid, os.WUNTRACED)
        assert (os.WIFSIGNALED if dies else os.WIFSTOPPED)(status), status
        yield pid
    finally:
        if not dies:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def killed(token: str, deed: Deed) -> None:
    with another_process(token, deed):
        pass


def statuses() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("status", flat=True))


def hand_over(kept: Journal, row: Delivery, result: SendResult = ACCEPTED) -> None:
    assert kept.begin([row.reference])
    kept.answer(row.reference, result)


def test_only_what_was_in_transit_is_unknown_and_the_rest_leaves_before_the_lease_is_over() -> None:
    batch, rows = taken(6, limit=5)

    def deed(kept: Journal) -> None:
        kept.chunk(NOON)
        hand_over(kept, rows[0])
        hand_over(kept, rows[1], NO_SUCH_ADDRESS)
        kept.begin([rows[2].reference])

    killed(batch.token, deed)
    found = sweep.recover(SOON).counts
    assert statuses() == ["accepted", "failed", "unknown", "ready", "ready", "ready"]
    assert (found["accepted"], found["unknown"], found["ready"]) == (1, 1, 2)
    send.deliver_all(clock=lambda: SOON)
    assert statuses() == ["accepted", "failed", "unknown", "accepted", "accepted", "accepted"]
    assert [message.to[0] for message in mail.outbox] == [f"reader{number}@example.org" for number in (3, 4, 5)]
    assert set(Delivery.objects.filter(status="accepted").values_list("attempts", flat=True)) == {1}
    assert Subscriber.objects.get(email="reader0@example.org").last_digest_at == SOON


def test_answers_are_read_together_so_that_a_wrong_server_suppresses_nobody(settings: Any) -> None:
    settings.MAIL_PROVIDER = "smtp"
    batch, rows = taken(4)
    Delivery.objects.update(provider="smtp")

    def deed(kept: Journal) -> None:
        kept.chunk(NOON)
        for row in rows[:3]:
            hand_over(kept, row, NO_SUCH_ADDRESS)

    killed(batch.token, deed)
    sweep.recover(SOON)
    assert statuses() == ["retry_wait", "retry_wait", "retry_wait", "ready"]
    assert not Suppression.objects.exists()


def test_every_part_of_an_answer_is_kept(folder: Path) -> None:
    said = SendResult(
        SendStatus.LATER,
        "429 too “fast”\u2028",
        provider_message_id="theirs",
        answer="429",
        scope=Scope.TOO_FAST,
        retry_after=timedelta(minutes=7),
        reason=SendReason.TOO_FAST,
    )
    killed("a" * 32, lambda kept: kept.answer("d.one", said))
    with left_behind() as (left,):
        assert left.answers == {"d.one": said}
    assert list(folder.iterdir()) == []


def test_an_answer_is_written_together_with_the_beginning_of_the_next_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[bytes] = []
    write = os.write
    with Journal("a" * 32) as kept:
        monkeypatch.setattr(journal.os, "write", lambda file, octets: writes.append(octets) or write(file, octets))
        for number in range(3):
            kept.begin([f"d.{number}"])
            kept.answer(f"d.{number}", ACCEPTED, more=number < 2)
        kept.flush()
    assert writes == [b"> d.0\n", b"= d.0\n> d.1\n", b"= d.1\n> d.2\n", b"= d.2\n"]


def test_an_answer_that_waits_for_the_next_mail_is_written_when_an_error_ends_the_delivery() -> None:
    with suppress(TimeoutError), Journal("a" * 32) as kept:
        kept.begin(["d.one"])
        kept.answer("d.one", ACCEPTED, more=True)
        raise TimeoutError
    with left_behind() as (left,):
        assert left.answers == {"d.one": ACCEPTED}


def test_an_answer_that_waits_is_written_though_there_is_no_room_for_the_next_mail() -> None:
    def deed(kept: Journal) -> None:
        kept.begin(["d.one"])
        kept._left = len(b"= d.one\n") + 1  # the last octet stays empty
        kept.answer("d.one", ACCEPTED, more=True)
        assert not kept.begin(["d.two"])

    killed("a" * 32, deed)
    with left_behind() as (left,):
        assert (left.begun, left.answers) == ({"d.one"}, {"d.one": ACCEPTED})


def test_answers_of_two_threads_are_both_written_whichever_is_switched_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls to a provider share one journal: one thread makes its line while the other is about to write."""
    about_to_write, has_written = Event(), Event()
    answered, write = journal._answered, Journal._write

    def switched_out(reference: str, result: SendResult) -> bytes:
        if reference == "d.one":
            about_to_write.wait(5)
        return answered(reference, result)

    def in_turn(kept: Journal, line: bytes) -> bool:
        if about_to_write.is_set():
            done = write(kept, line)
            has_written.set()
            return done
        about_to_write.set()
        has_written.wait(5)
        return write(kept, line)

    with Journal("a" * 32) as kept:
        kept.begin(["d.one", "d.two"])
        monkeypatch.setattr(journal, "_answered", switched_out)
        monkeypatch.setattr(Journal, "_write", in_turn)
        first = Thread(target=kept.answer, args=("d.one", ACCEPTED))
        first.start()
        kept.answer("d.two", ACCEPTED)
        first.join()
        assert kept._file is not None
        assert journal._read(kept._file, token="").answers.keys() == {"d.one", "d.two"}


def test_what_was_in_hand_is_the_last_chunk() -> None:
    def deed(kept: Journal) -> None:
        for hours in range(3):
            kept.chunk(NOON + timedelta(hours=hours))
            kept.begin([f"d.{hours}"])

    killed("a" * 32, deed)
    with left_behind() as (left,):
        assert (left.taken_at, left.begun) == (NOON + timedelta(hours=2), {"d.2"})


def test_a_process_that_is_frozen_keeps_its_batch_and_only_its_end_gives_it_back() -> None:
    """It may go on at any moment, and send what it has in hand; the kernel holds its lock meanwhile."""
    batch, rows = taken(2)

    def deed(kept: Journal) -> None:
        kept.chunk(NOON)
        kept.begin([rows[0].reference])

    with another_process(batch.token, deed, dies=False):
        sweep.recover(SOON)
        assert statuses() == ["handing_off", "handing_off"]
        sweep.reap(NOON + timedelta(seconds=301))  # as without a journal
        assert statuses() == ["unknown", "unknown"]
    sweep.recover(NOON + timedelta(seconds=302))
    assert statuses() == ["unknown", "unknown"]


def test_a_lease_that_somebody_else_holds_by_now_is_left_alone() -> None:
    batch, _ = taken(2)
    killed(batch.token, lambda kept: kept.chunk(NOON))
    Batch.objects.update(token="f" * 32)
    sweep.recover(SOON)
    assert (statuses(), Batch.objects.get().status) == (["handing_off", "handing_off"], "leased")


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: os.truncate(path, 100),
        lambda path: os.truncate(path, 0),
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes().replace(b"journal 1", b"journal 2")),
        lambda path: path.write_bytes(path.read_bytes().replace(b"@ ", b"? ", 1)),
        lambda path: path.write_bytes(path.read_bytes().replace(b"\n\0", b"\0\0", 1)),
        lambda path: path.write_bytes(path.read_bytes().replace(b"\n> d", b"\n> \0", 1)),
        lambda path: path.write_bytes(os.urandom(journal.SIZE)),
    ],
    ids=["cut", "empty", "lost", "another version", "a wrong line", "half a line", "a hole", "noise"],
)
def test_a_journal_that_is_lost_cut_or_foreign_changes_nothing(
    folder: Path, caplog: pytest.LogCaptureFixture, harm: Callable[[Path], object]
) -> None:
    batch, rows = taken(3)

    def deed(kept: Journal) -> None:
        kept.chunk(NOON)
        hand_over(kept, rows[0])
        kept.begin([rows[1].reference])

    killed(batch.token, deed)
    path = folder / f"{batch.token}.journal"
    harm(path)
    is_there = path.exists()
    sweep.recover(SOON)
    assert statuses() == ["handing_off"] * 3
    assert [record.message for record in caplog.records if "left out" in record.message][1:] == []
    assert bool(caplog.records) == is_there
    sweep.reap(NOON + timedelta(seconds=301))
    assert statuses() == ["unknown"] * 3
    assert not list(folder.iterdir())


def test_of_answers_that_were_written_by_half_those_written_count(folder: Path) -> None:
    """A process that is killed while it writes the answers to a request may leave the last one cut."""
    batch, rows = taken(3)

    def deed(kept: Journal) -> None:
        kept.chunk(NOON)
        kept.begin([row.reference for row in rows])
        for row in rows:
            kept.answer(row.reference, SendResult(SendStatus.ACCEPTED, provider_message_id="theirs"), more=True)
        kept.flush()

    killed(batch.token, deed)
    path = folder / f"{batch.token}.journal"
    written = path.read_bytes()
    end = written.rindex(b"\n")
    path.write_bytes(written[: end - 9] + b"\0" * (len(written) - end + 9))
    sweep.recover(SOON)
    assert statuses() == ["accepted", "accepted", "unknown"]


def test_a_journal_that_is_full_can_be_read(folder: Path) -> None:
    reference = "d." + "a" * 26

    def deed(kept: Journal) -> None:
        kept.chunk(NOON)
        while not kept.is_broken:
            kept.begin([reference])
            kept.answer(reference, ACCEPTED)

    killed("a" * 32, deed)
    assert (folder / f"{'a' * 32}.journal").stat().st_size == journal.SIZE
    with left_behind() as (found,):
        assert found.answers == {reference: ACCEPTED}


def test_the_journal_of_another_machine_is_left_to_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two machines may share a folder; the lock of a file system over the network may not reach the other."""
    batch, _ = taken(2)
    killed(batch.token, lambda kept: kept.chunk(NOON))
    monkeypatch.setattr(journal, "_boot", lambda: b"another")
    sweep.recover(SOON)
    assert (statuses(), len(list(folder.iterdir()))) == (["handing_off"] * 2, 1)
    os.utime(next(folder.iterdir()), (0, 0))
    sweep.recover(SOON)
    assert (statuses(), list(folder.iterdir())) == (["handing_off"] * 2, [])


def test_of_two_readers_one_gets_a_journal(folder: Path) -> None:
    killed("a" * 32, lambda kept: kept.chunk(NOON))
    with left_behind() as found, left_behind() as nothing:
        assert (len(found), nothing) == (1, [])


def test_a_journal_stays_while_what_it_says_cannot_be_written(folder: Path) -> None:
    killed("a" * 32, lambda kept: kept.chunk(NOON))
    with pytest.raises(ZeroDivisionError), left_behind():
        raise ZeroDivisionError
    with left_behind() as found:
        assert len(found) == 1


def a_file_in_the_way(folder: Path) -> None:
    folder.write_text("")


def no_room(folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@pytest.mark.parametrize("trouble", [a_file_in_the_way, no_room])
def test_without_a_journal_all_is_as_before_and_one_line_says_so(
    folder: Path, caplog: pytest.LogCaptureFixture, trouble: Callable[[Path], None]
) -> None:
    journal._say_once.cache_clear()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    trouble(folder)
    try:
        kept = [Journal(letter * 32) for letter in "ab"]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [one.is_kept for one in kept] == [False, False]
    assert kept[0].begin(["d.one"])
    assert len([record for record in caplog.records if "No journal" in record.message]) == 1
    planned(reader("ada"))
    send.deliver_all(clock=lambda: NOON)
    assert statuses() == ["accepted"]


def test_nothing_leaves_under_a_lease_that_its_journal_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk or file in the middle of a chunk: what has not begun by then waits for another try."""
    monkeypatch.setattr(journal, "SIZE", 250)
    planned(*(reader(f"reader{number}") for number in range(9)))
    for seconds in range(0, 500, 10):
        moment = NOON + timedelta(seconds=seconds)
        sweep.reap(moment)
        send.deliver_all(clock=lambda moment=moment: moment)
    assert set(statuses()) == {"accepted"}
    assert len({message.to[0] for message in mail.outbox}) == len(mail.outbox) == 9
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {1}


def test_what_was_answered_is_written_later_by_a_process_that_could_not_write_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The database stayed away for longer than a task may last."""
    planned(reader("ada"), reader("ben"))

    def away(*args: Any, **options: Any) -> None:
        raise TimeoutError

    monkeypatch.setattr(send, "record", away)
    with pytest.raises(TimeoutError):
        send.deliver_all(clock=lambda: NOON)
    assert statuses() == ["handing_off", "handing_off"]
    sweep.recover(SOON)
    assert (statuses(), len(mail.outbox)) == (["accepted", "accepted"], 2)


def test_a_digest_that_stops_each_worker_before_it_leaves_is_given_up_and_the_others_leave() -> None:
    poison, *_ = planned(*(reader(f"reader{number}") for number in range(5)))
    for seconds in range(0, 200, 5):
        moment: datetime = NOON + timedelta(seconds=seconds)
        sweep.reap(moment)
        while batch := send.lease_batch(moment):
            if not batch.deliveries.filter(pk=poison.pk, status="ready").exists():
                send.deliver(batch, clock=lambda moment=moment: moment)
                continue
            send._take_chunk(batch, Mailer(), moment, results.Outcomes(), limit=100)
            killed(batch.token, lambda kept, moment=moment: kept.chunk(moment))
    assert statuses() == ["failed"] + ["accepted"] * 4
    assert Delivery.objects.get(pk=poison.pk).status_reason == "poison"


def test_a_reader_who_was_erased_meanwhile_leaves_an_unknown_row_without_a_name() -> None:
    batch, (row,) = taken(1)
    erase(row.subscriber, now=NOON)
    killed(batch.token, lambda kept: kept.chunk(NOON))
    sweep.recover(SOON)
    assert statuses() == ["unknown"]
    assert Delivery.objects.get().message_id is None
