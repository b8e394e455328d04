from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from digest.lease import acquire, done, release, wait_for
from digest.models import Lease
from tests.support import processes
from tests.support.clock import Clock
from tests.support.factories import NOON
from tests.support.services import Installation

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def test_a_turn_is_held_by_one_at_a_time() -> None:
    assert acquire("host:a", holder="ada", now=NOON, hold=MINUTE)
    assert not acquire("host:a", holder="ben", now=NOON, hold=MINUTE)
    assert not acquire("host:a", holder="ada", now=NOON, hold=MINUTE)
    assert acquire("host:b", holder="ben", now=NOON, hold=MINUTE)


def test_a_turn_that_was_given_back_rests_first() -> None:
    acquire("host:a", holder="ada", now=NOON, hold=MINUTE)
    assert release("host:a", holder="ada", now=NOON, cooldown=timedelta(seconds=3))
    assert not acquire("host:a", holder="ben", now=NOON + timedelta(seconds=2.9), hold=MINUTE)
    assert acquire("host:a", holder="ben", now=NOON + timedelta(seconds=3), hold=MINUTE)


def test_a_crash_frees_the_turn_when_its_time_is_over() -> None:
    acquire("tick", holder="killed", now=NOON, hold=MINUTE)
    assert acquire("tick", holder="ben", now=NOON + MINUTE, hold=MINUTE)


def test_who_lost_the_turn_cannot_give_it_back() -> None:
    acquire("tick", holder="slow", now=NOON, hold=MINUTE)
    acquire("tick", holder="ben", now=NOON + MINUTE, hold=MINUTE)
    assert not release("tick", holder="slow", now=NOON + MINUTE)
    assert not done("tick", holder="slow", now=NOON + MINUTE)
    assert Lease.objects.get().holder == "ben"
    assert Lease.objects.get().last_ok_at is None


def test_work_that_went_well_is_remembered() -> None:
    acquire("tick", holder="ada", now=NOON, hold=MINUTE)
    assert done("tick", holder="ada", now=NOON + MINUTE / 2)
    lease = Lease.objects.get()
    assert (lease.last_ok_at, lease.holder) == (NOON + MINUTE / 2, "")
    assert acquire("tick", holder="ben", now=NOON + MINUTE / 2, hold=MINUTE)


def test_a_turn_taken_by_a_clock_an_hour_ahead_is_not_waited_for() -> None:
    ahead = NOON + timedelta(hours=1)
    acquire("tick", holder="ada", now=ahead, hold=MINUTE)
    assert acquire("tick", holder="ben", now=NOON, hold=MINUTE)


def test_waiting_takes_the_turn_the_moment_its_rest_is_over() -> None:
    clock = Clock()
    acquire("host:a", holder="ada", now=NOON, hold=MINUTE)
    release("host:a", holder="ada", now=NOON, cooldown=timedelta(seconds=3))
    assert _wait(clock) is None
    assert clock.slept == [3]
    assert Lease.objects.get().holder == "ben"


def test_waiting_for_somebody_who_holds_the_turn_ends_when_patience_does() -> None:
    clock = Clock()
    acquire("host:a", holder="ada", now=NOON, hold=MINUTE)
    assert _wait(clock, timeout=10) == NOON + timedelta(seconds=10) + MINUTE
    assert sum(clock.slept) == 10


def test_a_turn_that_rests_for_longer_than_patience_is_not_waited_for() -> None:
    clock = Clock()
    acquire("host:a", holder="ada", now=NOON, hold=MINUTE)
    release("host:a", holder="ada", now=NOON, cooldown=10 * MINUTE)
    assert _wait(clock, timeout=60) == NOON + 10 * MINUTE
    assert clock.slept == []


RACE = """
import sys
from datetime import timedelta
from digest import lease
from tests.support.factories import NOON

print("ready", flush=True)
sys.stdin.readline()
for now in (NOON, NOON + timedelta(minutes=30)):  # first every row is new, then every turn is over
    for number in range(25):
        name = f"race {number}"
        if lease.acquire(name, holder=lease.new_holder(), now=now, hold=timedelta(minutes=1)):
            print(now.minute, number)
"""


def test_of_four_processes_that_ask_at_once_one_is_told_yes(installation: Installation) -> None:
    installation.prepare()
    workers = [processes.start(RACE, environment=installation.environment) for _ in range(4)]
    told = [line for said in processes.go(workers) for line in said.splitlines()]
    assert sorted(told) == sorted(f"{minute} {number}" for minute in (0, 30) for number in range(25))


@pytest.mark.django_db(transaction=True)
def test_a_turn_cannot_be_taken_within_a_transaction_that_hides_it_from_others() -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        acquire("tick", holder="ada", now=NOON, hold=MINUTE)


def _wait(clock: Clock, timeout: float = 60):
    return wait_for(
        "host:a",
        holder="ben",
        hold=MINUTE,
        timeout=timedelta(seconds=timeout),
        clock=clock,
        sleep=clock.sleep,
    )
