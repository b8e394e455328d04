"""An upgrade in the commands of docs/operators.md, from a database and from messages of an earlier version."""

from __future__ import annotations

import email
import gzip
import json
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.paths import ROOT
from tests.support.processes import SET_UP
from tests.support.running_service import wait_for, worker_alone
from tests.support.services import A_READER, AN_EDITION, Installation, empty_database

OLD_MESSAGES = f"""{SET_UP}
from digest.config.celery import app
for name, queue in [("digest.tasks.settle_events", "ticks"), ("subscriptions.tasks.answer", "mail")]:
    app.send_task(name, queue=queue)
app.send_task("digest.tasks.tick", queue="ticks")
"""
STATUSES = f"{SET_UP}from digest.models import Delivery; print(*Delivery.objects.values_list('status', flat=True))"
DUMP = ROOT / "tests" / "data" / "5de826d"
SAID = json.loads((DUMP / "said.json").read_text())
# What a worker does within some minutes, at the moment at which the dump was made; twice, as on the next tick.
SEND = f"""{SET_UP}
from datetime import datetime, timedelta
import time_machine
from digest import jobs
from digest.delivery import throttle
from digest.delivery.send import deliver_all
from digest.models import Source
Source.objects.update(active=False)  # nothing may leave this machine
now = datetime.fromisoformat("{SAID["now"]}")
throttle.resume(now=now)
for minutes in range(0, 24, 4):
    with time_machine.travel(now + timedelta(minutes=minutes), tick=False):
        jobs.tick(now + timedelta(minutes=minutes))
        deliver_all(clock=lambda: now + timedelta(minutes=minutes))
"""
KEPT = {
    "readers": "SELECT public_id, email, status FROM subscriptions_subscriber ORDER BY id",
    "suppressions": "SELECT * FROM subscriptions_suppression ORDER BY 1",
    "consent": "SELECT public_id, kind, at FROM subscriptions_consentevent ORDER BY id",
    "wishes": "SELECT subscriber_id, kind, value FROM subscriptions_preference ORDER BY id",
}
DIGESTS = "SELECT message_id, status FROM digest_delivery ORDER BY id"
OPEN = {"ready", "retry_wait", "handing_off"}
Ask = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def earlier(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Installation, Ask]]:
    """An installation whose database is of 5de826d, and what asks that database."""
    if request.param == "SQLite":
        path = tmp_path / "broadsheet.sqlite3"
        path.write_bytes(gzip.decompress((DUMP / "deliveries.sqlite3.gz").read_bytes()))

        def of_sqlite(query: str) -> list[tuple[Any, ...]]:
            with closing(sqlite3.connect(path)) as connection:
                return connection.execute(query).fetchall()

        yield Installation.at(tmp_path, **SAID["settings"]), of_sqlite
        return
    with empty_database(request.getfixturevalue("postgres_url"), bare=True) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(gzip.decompress((DUMP / "deliveries.pg.sql.gz").read_bytes()))

        def of_postgresql(query: str) -> list[tuple[Any, ...]]:
            with psycopg.connect(url) as connection:
                return connection.execute(query).fetchall()

        yield Installation.at(tmp_path, **SAID["settings"], DATABASE_URL=url), of_postgresql


def run(installation: Installation, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "run", *words], env=installation.environment, capture_output=True, text=True, check=False
    )


def ids_of(mails: Sequence[Path]) -> list[str]:
    return [email.message_from_bytes(mail.read_bytes())["Message-ID"] for mail in mails]


@pytest.mark.slow
def test_an_upgrade_keeps_readers_suppressions_consent_and_unsent_digests_and_sends_none_twice(
    earlier: tuple[Installation, Ask],
) -> None:
    installation, ask = earlier
    kept, before = {name: ask(query) for name, query in KEPT.items()}, dict(ask(DIGESTS))
    waited = {message_id for message_id, status in before.items() if status in OPEN}
    assert len(waited) == 34
    done = run(installation, "manage", "first_run")
    assert done.returncode == 0, done.stderr
    assert {name: ask(query) for name, query in KEPT.items()} == kept
    assert dict(ask(DIGESTS)) == before

    installation.run("-c", SEND)
    after, sent = dict(ask(DIGESTS)), ids_of(installation.mails())
    assert len(sent) == len(set(sent))
    # what had left before, or was given up, stays as it was; nothing of it leaves
    assert {one: status for one, status in after.items() if one in before and one not in waited} == {
        one: status for one, status in before.items() if one not in waited
    }
    assert set(sent).isdisjoint(set(before) - waited)
    ended = {status: {one for one in waited if after[one] == status} for status in {after[one] for one in waited}}
    assert ended["accepted"] == set(sent) & waited
    # it may have left while it was handed over, or another provider alone knows
    doubtful = {one for one, status in before.items() if status == "handing_off"}
    doubtful |= {one for (one,) in ask("SELECT message_id FROM digest_delivery WHERE provider NOT IN ('', 'outbox')")}
    assert ended["unknown"] <= doubtful


def test_a_message_of_the_version_before_is_ignored_with_one_line_and_the_worker_goes_on(
    installation: Installation,
) -> None:
    installation.prepare()
    installation.run("-c", AN_EDITION + A_READER)
    with worker_alone(installation) as worker:
        installation.run("-c", OLD_MESSAGES)
        wait_for(lambda: installation.run("-c", STATUSES).strip() == "accepted", worker)
        wait_for(lambda: worker.log.read_text().count(": this version has no such task.") == 2, worker)
    said = worker.log.read_text()
    assert "Ignored a message for the task digest.tasks.settle_events" in said
    assert "Ignored a message for the task subscriptions.tasks.answer" in said
    assert "Traceback" not in said
