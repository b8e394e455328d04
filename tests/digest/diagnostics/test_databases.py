"""``doctor`` names the databases of the three modes, by what is in them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from digest.diagnostics.databases import examine_databases
from tests.support.factories import reader

pytestmark = pytest.mark.django_db


def test_each_database_is_named_with_its_contents(settings: Any, tmp_path: Path) -> None:
    settings.VAR, settings.MODE = tmp_path, "live"
    reader("ada")
    with closing(sqlite3.connect(tmp_path / "sample.sqlite3")) as other, other:
        for table in ("digest_paper", "subscriptions_subscriber", "digest_edition (date)"):
            other.execute(f"CREATE TABLE {table if '(' in table else table + ' (id)'}")
        other.executemany("INSERT INTO digest_paper VALUES (?)", [(1,), (2,)])
        other.execute("INSERT INTO digest_edition VALUES ('2026-03-02')")
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
