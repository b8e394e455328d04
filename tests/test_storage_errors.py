"""A full disk and a database that is away are told from faults of our own, by errors that real databases raise."""

from __future__ import annotations

import errno
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, ProgrammingError, connections
from django.db.backends.postgresql.base import DatabaseWrapper

from digest.config.storage_errors import AWAY, BROKEN, BUSY, DISK_FULL, READ_ONLY, explain_storage_error

pytestmark = pytest.mark.django_db


def sqlite_error(path: Path, *statements: str, **options: Any) -> Exception:
    """Return the error of the last statement."""
    settings = connections["default"].settings_dict | {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}
    connection = connections.create_connection("default")
    connection.settings_dict = settings | {"OPTIONS": options}
    with connection.cursor() as cursor:
        for statement in statements[:-1]:
            cursor.execute(statement)
        with pytest.raises(DatabaseError) as raised:
            cursor.execute(statements[-1])
    connection.close()
    return raised.value


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    error = sqlite_error(
        tmp_path / "full.sqlite3",
        "PRAGMA max_page_count = 2",
        "CREATE TABLE one (text)",
        "INSERT INTO one VALUES (randomblob(100000))",
    )
    assert explain_storage_error(error) == DISK_FULL
    assert explain_storage_error(OSError(errno.ENOSPC, "No space left on device")) == DISK_FULL


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_takes_no_more_of_the_log_is_named(tmp_path: Path) -> None:
    with no_file_grows_beyond(50_000):
        error = sqlite_error(
            tmp_path / "full.sqlite3",
            "PRAGMA journal_mode=WAL",
            "CREATE TABLE one (text)",
            "INSERT INTO one VALUES (randomblob(100000))",
        )
    assert explain_storage_error(error) == BROKEN.format("disk I/O error")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "one.sqlite3").write_text("a damaged file " * 100)
    error = sqlite_error(tmp_path / "one.sqlite3", "SELECT * FROM sqlite_master")
    assert explain_storage_error(error) == BROKEN.format("file is not a database")


def test_a_database_that_may_only_be_read_is_named(tmp_path: Path) -> None:
    error = sqlite_error(tmp_path / "one.sqlite3", "PRAGMA query_only = 1", "CREATE TABLE one (text)")
    assert explain_storage_error(error) == READ_ONLY.format("attempt to write a readonly database")


def test_a_database_that_another_process_writes_to_is_named(tmp_path: Path) -> None:
    path = tmp_path / "busy.sqlite3"
    with sqlite3.connect(path) as other:
        other.execute("BEGIN EXCLUSIVE")
        error = sqlite_error(path, "CREATE TABLE one (text)", timeout=0)
    assert explain_storage_error(error) == BUSY.format("database is locked")


def test_a_database_that_is_away_is_named_without_its_password() -> None:
    settings = connections["default"].settings_dict | {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "x",
        "USER": "u",
        "PASSWORD": "secret",
        "HOST": "127.0.0.1",
        "PORT": "1",
        "OPTIONS": {},
    }
    with pytest.raises(OperationalError) as raised:
        DatabaseWrapper(settings).ensure_connection()
    said = explain_storage_error(raised.value)
    assert said is not None
    assert said.startswith(AWAY.partition("(")[0])
    assert "secret" not in said


def test_what_it_was_raised_from_counts() -> None:
    error = ValueError("cannot write")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert explain_storage_error(error) == DISK_FULL


@pytest.mark.parametrize(
    "error",
    [
        ProgrammingError("no such table"),
        OperationalError("no such column: x"),
        OSError(errno.EIO, "I/O"),
        ValueError("the disk is full"),
    ],
)
def test_faults_of_our_own_are_not_explained(error: Exception) -> None:
    assert explain_storage_error(error) is None
