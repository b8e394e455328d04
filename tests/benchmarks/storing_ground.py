"""Store a large body in this installation while another process writes; run as a script by ``storing``."""

from __future__ import annotations

import json
import random
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from statistics import median
from typing import Any

import django

django.setup()

from django.db import connection, transaction

from digest.ingest import store
from digest.ingest.entry import Entry
from digest.ingest.parsers import Feed
from digest.models import Source
from subscriptions.seed_data import seed_topics
from tests.benchmarks import archive

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
URL = "https://sources.invalid/large"


def write_meanwhile(path: str, done: Event, waits: Any) -> None:
    """Take the lock again and again until ``done``, and put into ``waits`` how long each time took."""
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    found = []
    while not done.wait(0.1):
        begun = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        found.append(time.perf_counter() - begun)
        connection.execute("COMMIT")
    waits.put(found)


@contextmanager
def another_writer(path: str) -> Iterator[list[float]]:
    """Let a second process write; yields a list that holds its waits afterwards, seconds each."""
    context = get_context("spawn")
    done, waits, found = context.Event(), context.Queue(), list[float]()
    process = context.Process(target=write_meanwhile, args=(path, done, waits))
    process.start()
    try:
        yield found
    finally:
        done.set()
        found.extend(waits.get(timeout=120))
        process.join()


@contextmanager
def timed_transactions() -> Iterator[list[tuple[float, float]]]:
    """Yield a list that gets the seconds, and the seconds of processor time, of each outermost transaction."""
    times = list[tuple[float, float]]()
    real = transaction.Atomic

    class Timed(real):
        def __enter__(self) -> None:
            self.outermost = not connection.in_atomic_block
            super().__enter__()
            self.begun = time.perf_counter(), time.process_time()

        def __exit__(self, *raised: Any) -> None:
            super().__exit__(*raised)
            if self.outermost:
                times.append((time.perf_counter() - self.begun[0], time.process_time() - self.begun[1]))

    transaction.Atomic = Timed
    try:
        yield times
    finally:
        transaction.Atomic = real


def measured(papers: int) -> dict[str, dict[str, float]]:
    """Return the figures of the first reading, and of a second one with a new version of each paper."""
    seed_topics()
    source = Source.objects.create(url=URL, name="Large", kind="arxiv_rss")
    entries = tuple(archive.invented(random.Random(1), NOW, number=0, count=papers))
    newer = tuple(replace(one, version=2, announced="replace", abstract=f"{one.abstract} More.") for one in entries)
    found = {"new papers": reading(source, entries, NOW)}
    source.refresh_from_db()
    return found | {"new versions": reading(source, newer, NOW + timedelta(days=1))}


def reading(source: Source, entries: tuple[Entry, ...], now: datetime) -> dict[str, float]:
    begun = time.perf_counter()
    with another_writer(str(connection.settings_dict["NAME"])) as waits, timed_transactions() as times:
        stored = store.store(source, Feed(kind="arxiv_rss", name="Large", url=URL, entries=entries), now=now)
        in_all = time.perf_counter() - begun
    if stored.stored != len(entries):
        raise SystemExit(f"{stored.stored} of {len(entries)} papers were stored: {stored.error}")
    walls, cpus = zip(*times, strict=True)
    return {
        "transactions": len(times),
        "longest s": round(max(walls), 2),
        "median s": round(median(walls), 2),
        "longest CPU s": round(max(cpus), 2),
        "longest wait of another s": round(max(waits), 2),
        "in all s": round(in_all, 1),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measured(int(sys.argv[1]))))
