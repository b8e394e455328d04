"""Back up and restore as docs/operators.md says, on both databases: nothing of readers is lost, nothing is sent twice."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import ROOT
from tests.support.processes import SET_UP
from tests.support.services import A_READER, AN_EDITION, Installation, empty_database, missing, postgres_binaries

MORE_READERS = f"""{SET_UP}
from datetime import UTC, datetime
from subscriptions import consent
from tests.support.factories import reader
now = datetime.now(UTC)
reader("bo", next_send_at=None)
consent.suppress("bo@example.org", reason="complained", now=now)
cyd = reader("cyd", next_send_at=None)
consent.unsubscribe(cyd.public_id, now=now, ip="192.0.2.1", user_agent="Firefox", page="/u/")
"""
# A digest that is planned, and has not left when the backup is made.
PLAN = f"""{SET_UP}
from datetime import UTC, datetime
from digest.delivery.plan import plan
from subscriptions.models import Subscriber
now = datetime.now(UTC)
plan(now, list(Subscriber.objects.due(now).values_list("pk", flat=True)))
"""
SEND = f"""{SET_UP}
from datetime import UTC, datetime
from digest import jobs
from digest.delivery.send import deliver_all
jobs.tick(datetime.now(UTC))
deliver_all(clock=lambda: datetime.now(UTC))
"""
STATE = f"""{SET_UP}
import json
from digest.models import Delivery
from subscriptions import suppression_key
from subscriptions.models import ConsentEvent, Preference, Subscriber, Suppression
rows = dict(
    readers=list(Subscriber.objects.order_by("pk").values_list("email", "status", "public_id")),
    wishes=list(Preference.objects.order_by("pk").values_list("kind", "value")),
    suppressed=sorted(one.email for one in Subscriber.objects.all() if Suppression.objects.blocking(one.email).exists()),
    consent=list(ConsentEvent.objects.order_by("pk").values_list("public_id", "kind")),
    digests=list(Delivery.objects.order_by("pk").values_list("subscriber__email", "status")),
    fault=suppression_key.fault(),
)
print(json.dumps(rows))
"""


def state(installation: Installation) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(installation.run("-c", STATE))
    return found


@contextmanager
def on_sqlite(tmp_path: Path, url: str) -> Iterator[tuple[Installation, Callable[[], Installation]]]:
    """An installation, and what backs it up and returns the installation that was restored from that."""
    installation = Installation.at(tmp_path / "old")

    def back_up() -> Callable[[], Installation]:
        backup = tmp_path / "broadsheet.backup"
        with sqlite3.connect(tmp_path / "old" / "broadsheet.sqlite3") as old, sqlite3.connect(backup) as new:
            old.backup(new)  # what ".backup" of sqlite3's shell does

        def restore() -> Installation:
            shutil.copy(backup, tmp_path / "new" / "broadsheet.sqlite3")
            return Installation.at(tmp_path / "new")

        return restore

    yield installation, back_up


@contextmanager
def on_postgresql(tmp_path: Path, url: str) -> Iterator[tuple[Installation, Callable[[], Installation]]]:
    binaries = postgres_binaries()
    if not (binaries / "pg_dump").exists():
        missing("pg_dump is not installed")
    with empty_database(url) as old, empty_database(url, bare=True) as new:
        installation = Installation.at(tmp_path / "old", DATABASE_URL=old)

        def back_up() -> Callable[[], Installation]:
            dump = tmp_path / "broadsheet.dump"
            subprocess.run([binaries / "pg_dump", "--format=custom", f"--file={dump}", old], check=True)

            def restore() -> Installation:
                subprocess.run([binaries / "pg_restore", "--no-owner", f"--dbname={new}", dump], check=True)
                return Installation.at(tmp_path / "new", DATABASE_URL=new)

            return restore

        yield installation, back_up


def documented_backup(url: str, file: Path, folder: Path) -> str:
    """The commands of docs/operators.md, for this database and this file of SQLite, into this folder."""
    text = (ROOT / "docs" / "operators.md").read_text()
    commands = re.findall(r"^```sh\n(.*?)^```", text[text.index("## Backups") :], re.S | re.M)[0]
    for there, here, times in (
        ("postgres://broadsheet:PASSWORD@localhost:5432/broadsheet", url, 1),
        ("/var/lib/broadsheet/broadsheet.sqlite3", file, 1),
        ("/var/backups/broadsheet", folder, 4),
    ):
        assert commands.count(there) == times, there
        commands = commands.replace(there, str(here))
    return str(commands)


def test_the_documented_backup_can_be_read_by_its_owner_only(tmp_path: Path, postgres_url: str) -> None:
    if not (shutil.which("sqlite3") and shutil.which("pg_dump")):
        missing("sqlite3 or pg_dump is not installed (Debian: apt-get install sqlite3 postgresql-client)")
    Installation.at(tmp_path / "var").prepare()
    with empty_database(postgres_url) as url:
        commands = documented_backup(url, tmp_path / "var" / "broadsheet.sqlite3", tmp_path / "backups")
        subprocess.run(["sh", "-ec", commands], umask=0o022, check=True)
        wrong = documented_backup(url, tmp_path / "misspelt.sqlite3", tmp_path / "none")
        assert subprocess.run(["sh", "-ec", wrong], umask=0o022).returncode != 0
    assert not (tmp_path / "misspelt.sqlite3").exists()
    made = sorted((tmp_path / "backups").iterdir())
    assert [path.name for path in made] == ["dump", "sqlite3"]
    assert all(path.stat().st_size > 10_000 for path in made)
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "backups", *made)] == [0o700, 0o600, 0o600]


@pytest.mark.parametrize("database", [on_sqlite, on_postgresql])
def test_after_a_restore_readers_suppressions_and_consent_are_there_and_nothing_is_sent_twice(
    tmp_path: Path, postgres_url: str, database: Any
) -> None:
    with database(tmp_path, postgres_url) as (old, back_up):
        old.prepare()
        for script in (AN_EDITION, A_READER, MORE_READERS, PLAN):
            old.run("-c", script)
        before = state(old)
        assert [status for _, status in before["digests"]] == ["ready"]
        assert before["suppressed"] == ["bo@example.org"]
        restore = back_up()
        old.run("-c", SEND)
        assert [one.name for one in old.mails()] != []

        (tmp_path / "new").mkdir()
        for name in ("secret_key", "suppression_key"):
            shutil.copy(tmp_path / "old" / name, tmp_path / "new" / name)
        new = restore()
        new.run("manage.py", "migrate", "-v0")
        assert "1 digest may have left and will not be sent again: 1 open in the backup" in new.run(
            "manage.py", "after_restore"
        )
        new.run("manage.py", "resume_sending")
        new.run("-c", SEND)
        assert new.mails() == []
        after = state(new)
        assert {**after, "digests": before["digests"]} == before
        assert [status for _, status in after["digests"]] == ["unknown"]
        assert after["fault"] == ""
