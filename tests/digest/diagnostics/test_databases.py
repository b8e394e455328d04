"""``doctor`` names the databases of the three modes, by what is in them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from digest.diagnostics.check_result import Severity
from digest.diagnostics.databases import examine_databases
from tests.support.factories import reader
from tests.support.paths import ROOT

pytestmark = pytest.mark.django_db


def write_database(path: Path, *, papers: int, readers: int) -> None:
    """Write a file with the tables that are counted, and one edition."""
    with closing(sqlite3.connect(path)) as other, other:
        for table in ("digest_paper", "subscriptions_subscriber", "digest_edition (date)"):
            other.execute(f"CREATE TABLE {table if '(' in table else table + ' (id)'}")
        other.executemany("INSERT INTO digest_paper VALUES (?)", [(number,) for number in range(papers)])
        other.executemany("INSERT INTO subscriptions_subscriber VALUES (?)", [(number,) for number in range(readers)])
        other.execute("INSERT INTO digest_edition VALUES ('2026-03-02')")


def test_each_database_is_named_with_its_contents(settings: Any, tmp_path: Path) -> None:
    settings.VAR, settings.MODE = tmp_path, "live"
    reader("ada")
    write_database(tmp_path / "sample.sqlite3", papers=2, readers=0)
    (found,) = examine_databases()
    first, rehearsal, sample = found.seen.split("; ")
    assert first.startswith("live (in use): ")
    assert first.endswith("0 papers, 1 reader, no edition")
    assert rehearsal == "rehearsal: none yet"
    assert sample.startswith("sample: sample.sqlite3, ")
    assert sample.endswith("2 papers, 0 readers, newest edition 2026-03-02")


def test_a_file_that_is_no_database_is_said_so(settings: Any, tmp_path: Path) -> None:
    settings.VAR = tmp_path
    (tmp_path / "rehearsal.sqlite3").write_text("This is a text that is longer than the header of a database file.")
    (found,) = examine_databases()
    assert "cannot be read (file is not a database)" in found.seen


def test_readers_who_were_left_in_the_file_are_named_until_the_database_in_use_has_some(
    settings: Any, tmp_path: Path
) -> None:
    settings.VAR, settings.MODE, settings.DATABASE_URL = tmp_path, "live", "postgres://localhost/broadsheet"
    file = tmp_path / "broadsheet.sqlite3"
    assert len(examine_databases()) == 1
    write_database(file, papers=2, readers=1)
    _, left = examine_databases()
    assert left.severity == Severity.ATTENTION
    assert left.seen == f"the database in use has no readers, and {file} has 1: they get no mail"
    assert "From SQLite to PostgreSQL" in left.do
    assert "## From SQLite to PostgreSQL" in (ROOT / "docs" / "operators.md").read_text()
    reader("ada")
    assert len(examine_databases()) == 1


def test_a_file_without_readers_or_that_is_no_database_is_not_missed(settings: Any, tmp_path: Path) -> None:
    settings.VAR, settings.MODE, settings.DATABASE_URL = tmp_path, "live", "postgres://localhost/broadsheet"
    write_database(tmp_path / "broadsheet.sqlite3", papers=2, readers=0)
    assert len(examine_databases()) == 1
    (tmp_path / "broadsheet.sqlite3").write_text("This is a text that is longer than the header of a database file.")
    assert len(examine_databases()) == 1
