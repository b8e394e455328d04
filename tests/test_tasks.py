"""The timetable and its turns: two beats do no harm, and what goes wrong in one minute is made good in the next."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from celery.beat import ScheduleEntry
from django.core import mail
from django.db import OperationalError

from digest import jobs, tasks
from digest.config import celery as config
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Batch, Delivery, Lease
from subscriptions import link_requests
from subscriptions.models import LinkRequest
from tests.support.factories import NOON, entry, feed, reader, topic
from tests.support.processes import go, start
from tests.support.services import A_READER, AN_EDITION, Installation
from tests.support.start import start as start_with

HOUR = timedelta(hours=1)


@pytest.fixture
def at_once() -> Iterator[None]:
    """A task that is woken runs there and then."""
    config.app.conf.task_always_eager = True
    yield
    config.app.conf.task_always_eager = False


def turn(name: str = "tick") -> Lease:
    return Lease.objects.get(name=name)


# --- the timetable ---------------------------------------------------------------------------------------------------


def test_every_entry_of_the_timetable_is_a_task_that_wakes_a_worker_whose_clock_is_some_minutes_ahead() -> None:
    config.app.loader.import_default_modules()
    for planned in config.app.conf.beat_schedule.values():
        assert planned["task"] in config.app.tasks
        assert planned["options"]["expires"] == 300


def test_a_clock_that_is_put_back_does_not_silence_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    steady = SimpleNamespace(monotonic=lambda: 1000.0)
    monkeypatch.setattr(config, "time", steady)
    with time_machine.travel(NOON):
        planned = ScheduleEntry(name="tick", task="tick", schedule=config.EVERY_TICK, app=config.app)
        assert not planned.is_due().is_due
    steady.monotonic = lambda: 1000.0 + config.EVERY_TICK.seconds
    with time_machine.travel(NOON - HOUR):
        assert planned.is_due().is_due


# --- turns -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_tick_that_went_well_is_remembered_and_gives_its_turn_back() -> None:
    jobs.tick(NOON)
    assert (turn().last_ok_at, turn().holder) == (NOON, "")


@pytest.mark.django_db
def test_a_tick_that_another_process_is_at_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    Lease.objects.create(name="tick", holder="another", until=NOON + timedelta(seconds=60))
    monkeypatch.setattr(jobs, "plan", lambda *_: pytest.fail("planned in another's turn"))
    jobs.tick(NOON)
    assert turn().holder == "another"


@pytest.mark.django_db
@pytest.mark.parametrize("put_back", [timedelta(minutes=10), HOUR, 24 * HOUR])
def test_a_clock_that_is_put_back_does_not_leave_the_turn_taken(put_back: timedelta) -> None:
    jobs.tick(NOON)
    jobs.tick(NOON - put_back)
    assert turn().last_ok_at == NOON - put_back


@pytest.mark.django_db
def test_the_turn_of_a_dead_process_ends_by_itself() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs.lease, "release", lambda *_, **__: None)  # which a killed process cannot
        patch.setattr(jobs.sweep, "reap", killed)
        with pytest.raises(SystemExit):
            jobs.tick(NOON)
    dead, soon = turn().holder, NOON + timedelta(minutes=2)
    jobs.tick(soon - timedelta(seconds=1))
    assert turn().holder == dead
    jobs.tick(soon)
    assert turn().last_ok_at == soon


def killed(*_: object) -> None:
    raise SystemExit


# --- what goes wrong -------------------------------------------------------------------------------------------------


def broken(*_: object) -> None:
    raise OperationalError("connection to server failed\n\tIs the server running on that host?")


@pytest.mark.django_db
def test_when_planning_fails_what_was_planned_before_still_leaves_and_the_next_minute_tries_again(
    at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    Batch.objects.create(size=0)
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "plan", broken)
        with pytest.raises(OperationalError):
            tasks.tick()
    assert Batch.objects.get().status == Batch.Status.DONE
    assert turn().last_ok_at is None
    tasks.tick()
    assert turn().last_ok_at is not None


@pytest.mark.django_db
def test_a_service_that_is_gone_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(jobs, "plan", broken)
    with caplog.at_level(logging.WARNING):
        tasks.tick.apply()
    (line,) = caplog.messages
    assert line == (
        "digest.tasks.tick failed (connection to server failed Is the server running on that host?). "
        "Nothing is lost; it runs again in the next minute."
    )


@pytest.mark.django_db
def test_a_deliverer_is_woken_for_each_open_batch(at_once: None) -> None:
    for _ in range(3):
        Batch.objects.create(size=0)
    tasks.tick()
    assert {batch.status for batch in Batch.objects.all()} == {Batch.Status.DONE}


# --- newcomers -------------------------------------------------------------------------------------------------------


def ask_to_sign_in(email: str = "ada@example.org") -> None:
    now = datetime.now(UTC)
    link_requests.enqueue(LinkRequest.Kind.SIGN_IN, email=email, now=now, page="/sign-in", ip=None, user_agent="")


@pytest.mark.django_db
def test_who_waits_for_a_mail_with_a_link_gets_it_with_the_tick_even_when_planning_fails(
    at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader("ada")
    ask_to_sign_in()
    monkeypatch.setattr(jobs, "plan", broken)
    with pytest.raises(OperationalError):
        tasks.tick()
    assert [message.to for message in mail.outbox] == [["ada@example.org"]]


@pytest.mark.django_db
def test_once_an_hour_what_is_of_no_use_any_more_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    days: list[datetime] = []
    monkeypatch.setattr(jobs, "delete_expired", days.append)
    for minutes in (0, 1, 59, 60, 61):
        jobs.tidy(NOON + timedelta(minutes=minutes))
    assert days == [NOON, NOON + HOUR]


@pytest.mark.django_db
def test_the_hour_counts_the_readers_of_each_topic() -> None:
    reader("ada", wants={"topic": ["Robots"]})
    jobs.tidy(NOON)
    assert topic("Robots").wanted == 1


@pytest.mark.django_db
def test_on_a_given_day_newcomers_get_its_edition_at_once_and_others_nothing_more(at_once: None, settings: Any) -> None:
    settings.MODE = "rehearsal"
    day = NOON - timedelta(days=250)  # long before newcomers came
    shown = feed(entry(1, announced_on=day.date()))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=day)
    open_edition(day.date(), now=day)
    old = reader("old", wants={"category": ["cs.LG"]}, last_issue_date=day.date(), last_digest_at=day)
    for hours in range(3):
        with time_machine.travel(NOON + hours * HOUR, tick=False):
            if hours == 1:
                reader("new", wants={"category": ["cs.LG"]}, next_send_at=datetime.now(UTC))
            tasks.tick()
    delivery = Delivery.objects.get()
    assert (delivery.subscriber.email, delivery.status, delivery.issue_date) == (
        "new@example.org", "accepted", day.date(),
    )  # fmt: skip
    assert [message.to for message in mail.outbox] == [["new@example.org"]]
    old.refresh_from_db()
    assert old.next_send_at == NOON


# --- two at once, on each back end -----------------------------------------------------------------------------------

AT_ONCE = """
import sys
from datetime import UTC, datetime
from digest import jobs
from digest.delivery import plan
from digest.models import Delivery
from subscriptions.models import Subscriber
now = datetime.now(UTC)
print("ready", flush=True)
sys.stdin.readline()
{}
"""
COUNT_TICK_COUNT = """
import django; django.setup()
from digest import tasks
from digest.models import Delivery
print(Delivery.objects.count())
tasks.jobs.tick(tasks.clock())
print(Delivery.objects.count())
"""


@pytest.mark.parametrize(
    "work",
    [
        "jobs.tick(now)",  # two beats
        "plan.plan(now, Subscriber.objects.due(now).values_list('pk', flat=True))",  # and without their turns
    ],
)
def test_two_processes_that_plan_in_one_moment_plan_a_reader_once(installation: Installation, work: str) -> None:
    installation.prepare()
    installation.run("-c", AN_EDITION + A_READER)
    go([start(AT_ONCE.format(work), environment=installation.environment) for _ in range(2)])
    assert installation.run("-c", COUNT_TICK_COUNT).split() == ["1", "1"]


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.service
@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"DATABASE_URL": "mysql://user:secret@localhost/x"}, "DATABASE_URL is '…', but it must be like postgres://"),
        ({"DATABASE_URL": "postgres://user:secret@localhost:port/x"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgres://user:secret@localhost"}, "DATABASE_URL"),
        ({"REDIS_URL": "amqp://user:secret@localhost"}, "REDIS_URL is '…', but it must be like redis://"),
        ({"TICK_SECONDS": "often"}, "TICK_SECONDS is 'often', but it must be a number from 1 to 60"),
        ({"TICK_SECONDS": "0"}, "TICK_SECONDS"),
    ],
)
def test_a_wrong_address_stops_the_start_with_its_name_and_without_its_password(
    tmp_path: Path, environment: dict[str, str], said: str
) -> None:
    started = start_with(tmp_path, command="check", **environment)
    assert started.returncode == 2
    assert said in started.stderr
    assert "secret" not in started.stderr
    assert "Traceback" not in started.stderr


@pytest.mark.service
def test_a_worker_plans_and_delivers_without_the_pages_and_providers(tmp_path: Path) -> None:
    """The pages, the clients of providers, and what they import would be in the memory of each worker."""
    place = Installation.at(tmp_path)
    place.prepare()
    for script in (AN_EDITION, A_READER):
        place.run("-c", script)
    told = place.run(
        "-c",
        "import sys, django; django.setup()\n"
        "from datetime import UTC, datetime\n"
        "import digest.config.celery, digest.tasks\n"
        "from digest import jobs\n"
        "clock = lambda: datetime.now(UTC)\n"
        "jobs.tick(clock()); jobs.deliver(clock)\n"
        "print([name for name in sys.modules if name.startswith(('digest.web', 'digest.dashboard', 'digest.config.urls',"
        " 'anymail', 'requests'))])",
        afresh=True,
    )
    assert told == "[]\n"
    assert len(place.mails()) == 1
