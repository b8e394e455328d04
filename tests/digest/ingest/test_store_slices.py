"""A reading is stored in slices, on both databases: others write between them, and one that breaks is continued."""

from __future__ import annotations

from typing import Any

import pytest

from digest.ingest import store
from digest.ingest.parsers.notices import Notice
from tests.support.factories import entry
from tests.support.services import Installation

pytestmark = [pytest.mark.service]

BEGIN = """
import django; django.setup()
import time
from datetime import timedelta
from threading import Thread
from django.db import OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext
from digest.ingest import refresh, store
from digest.models import Identifier, Paper, Sighting, Source
from digest.source_errors import ErrorKind
from tests.support.factories import NOON, entry, feed, source
store.PAPERS_AT_ONCE, store.FIRST_SHARE, store.LEAST_SHARE = 2, 1, 1
SHOWN = feed(*(entry(number) for number in range(1, 6)), announced_on=NOON.date())
LATER = NOON + timedelta(minutes=10)
real = store._store_slice
def fail_at(second, error):
    calls = []
    def broken(*arguments, **values):
        calls.append(1)
        done = real(*arguments, **values)
        if len(calls) == second:
            raise error
        return done
    store._store_slice = broken
def row():
    return Source.objects.get()
def all_is_stored():
    assert (Paper.objects.count(), Sighting.objects.count()) == (5, 5)
    assert Identifier.objects.filter(value__startswith="arxiv:").count() == 5
    now_row = row()
    assert (now_row.failures, now_row.last_error_kind, now_row.last_error) == (0, "", "")
    assert (now_row.last_reading["expected"], now_row.last_reading["stored"]) == (5, 5)
    assert now_row.last_success_at == LATER and now_row.days_read == [NOON.date().isoformat()]
def begin():
    store.store(source(), feed(entry(1)), now=NOON - timedelta(hours=1))
    return row().last_reading
"""
A_FAULT = """
good = begin()
fail_at(2, ValueError("a fault of ours"))
reading = store.store(row(), SHOWN, now=NOON)
assert (reading.error_kind, reading.expected, reading.stored) == (ErrorKind.NOT_STORED, 5, 2), reading
assert set(Paper.objects.values_list("identifier", flat=True)) == {"arxiv:2603.00001", "arxiv:2603.00002"}
broken = row()
assert (broken.failures, broken.last_error_kind) == (1, "not_stored")
assert broken.last_error == "2 of 5 papers are stored, the others come with the next reading", broken.last_error
last = broken.last_reading
assert (last["error_kind"], last["expected"], last["stored"], last["before"]) == ("not_stored", 5, 2, good), last
assert broken.last_success_at == NOON - timedelta(hours=1)
store._store_slice = real
again = store.store(row(), SHOWN, now=LATER)
assert (again.stored, again.new, again.updated) == (5, 3, 0), again
all_is_stored()
"""
DATABASE_GONE = """
good = begin()
fail_at(2, OperationalError("the connection is closed"))
try:
    store.store(row(), SHOWN, now=NOON)
    raise SystemExit("it did not say so")
except OperationalError:
    pass
broken = row()
assert (broken.failures, broken.last_error_kind, Paper.objects.count()) == (1, "not_stored", 2)
assert broken.last_error == "2 of 5 papers are stored, the others come with the next reading", broken.last_error
# the last reading that came to an end: an edition does not take the part for the source's day
assert broken.last_reading == good, broken.last_reading
assert broken.last_success_at == NOON - timedelta(hours=1)
store._store_slice = real
again = store.store(row(), SHOWN, now=LATER)
assert (again.stored, again.new, again.updated) == (5, 3, 0), again
all_is_stored()
"""
ANOTHER_WRITES = """
begin()
found = []
def write():
    try:
        Source.objects.create(url="https://another.example/feed", name="Another", kind="journal")
        found.append(Paper.objects.count())
    finally:
        connections.close_all()
other = Thread(target=write)
def meanwhile(*arguments, **values):
    done = real(*arguments, **values)
    if not other.ident:  # it asks for the lock while the first slice holds it
        other.start()
        time.sleep(0.3)
    return done
store._store_slice = meanwhile
with CaptureQueriesContext(connection) as queries:
    assert store.store(row(), SHOWN, now=LATER).stored == 5
other.join()
assert sum(query["sql"].startswith("BEGIN") for query in queries) == 3
if connection.vendor == "sqlite":
    assert found == [2], found  # after the first slice, before the second
assert Source.objects.filter(name="Another").exists()
Source.objects.filter(name="Another").delete()
all_is_stored()
"""


@pytest.mark.parametrize("story", [A_FAULT, DATABASE_GONE, ANOTHER_WRITES], ids=["fault", "database gone", "writer"])
def test_what_was_stored_stays_and_the_next_reading_stores_the_rest(installation: Installation, story: str) -> None:
    installation.prepare()
    installation.run("-c", BEGIN + story)


def sizes(entries: list[Any], notices: list[Any], *, seconds: float = store.LOCKED) -> list[tuple[int, int]]:
    """Return how many papers and notices each transaction has, where each takes so long."""
    steps, found = store.Steps(entries, notices), []
    while step := steps.next():
        found.append((len(step[0]), len(step[1])))
        steps.pace(seconds)
    assert not steps.left
    return found


def test_a_transaction_has_twenty_papers_at_first_and_fewer_long_ones() -> None:
    notice = Notice(title="Retracted", url="https://journal.example/1", identifiers=("arxiv:2603.00001",))
    assert sizes([], []) == [(0, 0)]
    assert sizes([entry(number) for number in range(50)], [notice] * 15) == [(20, 0), (20, 0), (10, 0), (0, 10), (0, 5)]
    long = [entry(number, abstract="word " * 10_000) for number in range(5)]
    assert sizes(long, []) == [(1, 0)] * 5


def test_the_next_transaction_has_more_papers_after_a_quick_one_and_fewer_after_a_slow_one() -> None:
    papers = [entry(number) for number in range(300)]
    assert sizes(papers, [], seconds=0) == [(20, 0), (40, 0), (80, 0), (100, 0), (60, 0)]
    assert sizes(papers[:30], [], seconds=4 * store.LOCKED) == [(20, 0), (5, 0), *[(2, 0)] * 2, (1, 0)]
    assert sizes(papers[:23], [], seconds=100) == [(20, 0), (2, 0), (1, 0)]
