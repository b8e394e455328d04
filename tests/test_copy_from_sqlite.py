"""An installation moves from SQLite to PostgreSQL: all rows come along, and no digest leaves twice."""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.processes import SET_UP
from tests.support.services import A_READER, AN_EDITION, Installation, empty_database

A_SMALL_INSTALLATION = f"""{SET_UP}
from datetime import UTC, datetime, timedelta
from django.core.management import call_command
from digest.dashboard import audit_log
from digest.dashboard.auth.roles import Role
from digest.editions.letter import save_letter
from digest.models import Paper, Source, TitleVector, VectorModel
from subscriptions import consent
from subscriptions.models import Subscriber
from tests.support.factories import reader
from tests.support.staff import give_code, one_of_the_staff, signed_in
now = datetime.now(UTC)
call_command("first_run", verbosity=0)
Source.objects.update(active=False)  # nothing may leave this machine
reader("gone").delete()  # so that keys have gaps
bo = reader("bo", next_send_at=None, wants={{"topic": ["Robotics"], "author": ["Nuñez “Ünal”"]}})
consent.suppress("bo@example.org", reason="complained", now=now)
cyd = reader("cyd", next_send_at=None)
consent.unsubscribe(cyd.public_id, now=now, ip="192.0.2.1", user_agent="Firefox", page="/u/")
cleo = one_of_the_staff(Role.CURATOR, Role.OWNER)
give_code(cleo)
signed_in(cleo)
letter = save_letter(now.date() + timedelta(days=9), "Hello", by=cleo, seen="", now=now)
audit_log.record(cleo, letter, "Saved it.")
model = VectorModel.objects.create(name="one", dimension=2, made_at=now, space=bytes(range(256)))
TitleVector.objects.create(paper=Paper.objects.first(), model=model, vector=b"\\x00\\xff\\\\x")
"""
# A digest that is planned, and has not left when the service stops.
PLAN = f"""{SET_UP}
from datetime import UTC, datetime
from digest.delivery.plan import plan
from tests.support.factories import reader
now = datetime.now(UTC)
plan(now, [reader("dan", wants={{"category": ["cs.LG"]}}, next_send_at=now).pk])
"""
SEND = f"""{SET_UP}
from datetime import UTC, datetime
from digest import jobs
from digest.delivery.send import deliver_all
jobs.tick(datetime.now(UTC))
deliver_all(clock=lambda: datetime.now(UTC))
"""
ROWS = f"""{SET_UP}
import json
from django.apps import apps
def row_of(values):
    return json.dumps([bytes(one).hex() if isinstance(one, bytes | memoryview) else one for one in values], default=str, sort_keys=True)
print(json.dumps({{
    model._meta.db_table: sorted(row_of(values) for values in model._base_manager.values_list())
    for model in apps.get_models(include_auto_created=True)
}}))
"""
# PostgreSQL's next key of each table, and the largest that is taken.
KEYS = f"""{SET_UP}
import json
from django.apps import apps
from django.db import connection
found = dict()
with connection.cursor() as cursor:
    for model in apps.get_models(include_auto_created=True):
        table, key = model._meta.db_table, model._meta.pk.column
        cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, key])
        if (sequence := cursor.fetchone()[0]):
            cursor.execute(f"SELECT nextval('{{sequence}}'), (SELECT coalesce(max({{key}}), 0) FROM {{table}})")
            found[table] = cursor.fetchone()
print(json.dumps(found))
"""
FOUND = f"""{SET_UP}
from digest.search.find import having_all
from tests.support.factories import reader
print(having_all("careful measurement").count(), reader("eve", next_send_at=None).pk)
"""


@pytest.fixture
def old(tmp_path: Path) -> Installation:
    installation = Installation.at(tmp_path)
    installation.prepare()
    return installation


@pytest.fixture
def new(old: Installation, postgres_url: str) -> Iterator[Installation]:
    """The same folder with an empty PostgreSQL."""
    with empty_database(postgres_url, bare=True) as url:
        installation = Installation.at(old.var, DATABASE_URL=url)
        installation.run("manage.py", "prepare")
        yield installation


def rows(installation: Installation) -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(installation.run("-c", ROWS))
    return found


def refusal(installation: Installation) -> str:
    with pytest.raises(AssertionError) as failed:
        installation.run("manage.py", "copy_from_sqlite")
    return str(failed.value)


def test_all_rows_come_along_and_no_digest_leaves_twice(old: Installation, new: Installation) -> None:
    for script in (AN_EDITION, A_READER, A_SMALL_INSTALLATION, SEND, PLAN):
        old.run("-c", script)
    sent = old.mails()
    assert len(sent) == 1
    before = rows(old)
    assert "4 readers, 2 papers, 2 digests, 1 staff account." in new.run("manage.py", "copy_from_sqlite")
    after = rows(new)
    assert len(before["digest_searchtext"]) == len(after["digest_searchtext"]) == 2
    assert {table: found for table, found in after.items() if found != before[table]} == {}
    assert rows(old) == before
    keys = json.loads(new.run("-c", KEYS))
    assert len(keys) > 30
    assert {table: pair for table, pair in keys.items() if pair[0] <= pair[1]} == {}
    assert new.run("-c", FOUND).split()[0] == "2"
    for _ in range(2):
        new.run("-c", SEND)
    # that of the first reader stays the only one; the planned one leaves
    assert sorted("ada@" in one.read_text() for one in new.mails()) == [False, True]
    assert sent[0] in new.mails()


def test_what_cannot_be_copied_is_refused_with_a_sentence_and_nothing_is_copied(
    old: Installation, new: Installation
) -> None:
    file = (old.var / "broadsheet.sqlite3").rename(old.var / "elsewhere")
    assert "There is no " in refusal(new)
    file.rename(old.var / "broadsheet.sqlite3")
    old.run("-c", A_READER)
    assert "Set DATABASE_URL to an empty PostgreSQL" in refusal(old)
    with closing(sqlite3.connect(old.var / "broadsheet.sqlite3")) as file, file:
        file.execute("UPDATE subscriptions_subscriber SET zone = ?", ["x" * 500])
        (key,) = file.execute("SELECT min(id) FROM subscriptions_subscriber").fetchone()
    said = refusal(new)
    where = f"zone of the row {key} of subscriptions_subscriber"
    assert f"Nothing was copied: PostgreSQL refuses {where}: value too long" in said
    assert rows(new)["subscriptions_subscriber"] == []
    with closing(sqlite3.connect(old.var / "broadsheet.sqlite3")) as file, file:
        file.execute("UPDATE subscriptions_subscriber SET zone = 'UTC'")
        file.execute("DELETE FROM django_migrations WHERE app = 'digest' AND name = '0037_name_of_pasted_texts'")
    assert "is of an earlier version" in refusal(new)
    with (new.var / "serve-live.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "Another ./run serve runs" in refusal(new)
    new.run("-c", A_READER)
    with closing(sqlite3.connect(old.var / "broadsheet.sqlite3")) as file, file:
        file.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('digest', '0037_name_of_pasted_texts', '2026-01-01')"
        )
    assert "has readers already" in refusal(new)
