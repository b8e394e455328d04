"""Show the databases of the three modes: where each is, and what is in it. Opens the files read-only.

Readers who were left in the SQLite file when PostgreSQL took its place are named.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection

from digest.compose.phrases import plural
from digest.diagnostics.check_result import CheckResult, Severity
from subscriptions.models import Subscriber

Counts = tuple[int, int, object]  # papers, readers, the newest edition's date
COUNTS = (
    "SELECT (SELECT count(*) FROM digest_paper), (SELECT count(*) FROM subscriptions_subscriber),"
    " (SELECT max(date) FROM digest_edition)"
)


def examine_databases() -> list[CheckResult]:
    """Name the database of each mode, the one in use first, and in a second result readers who were left behind."""
    modes = sorted(settings.DATABASE_FILES, key=lambda mode: mode != settings.MODE)
    seen = "; ".join(f"{mode}{' (in use)' if mode == settings.MODE else ''}: {_contents(mode)}" for mode in modes)
    return [CheckResult(Severity.WELL, "databases", seen), *_left_behind()]


def _left_behind() -> Iterator[CheckResult]:
    path = _file("live")
    if not (settings.MODE == "live" and settings.DATABASE_URL and path.exists()) or Subscriber.objects.exists():
        return
    try:
        _, readers, _ = _counts_of(path)
    except sqlite3.Error:
        return
    if readers:
        seen = f"the database in use has no readers, and {path} has {readers:,}: they get no mail"
        do = "Move them: docs/operators.md, From SQLite to PostgreSQL."
        yield CheckResult(Severity.ATTENTION, "databases", seen, do)


def _file(mode: str) -> Path:
    return Path(settings.VAR / f"{settings.DATABASE_FILES[mode]}.sqlite3")


def _contents(mode: str) -> str:
    if mode == settings.MODE:
        return f"{'PostgreSQL' if connection.vendor == 'postgresql' else 'SQLite'}, {_counts_in_use()}"
    if mode == "live" and settings.DATABASE_URL:
        return "PostgreSQL, named by DATABASE_URL"
    path = _file(mode)
    if not path.exists():
        return "none yet"
    size = f"{path.name}, {path.stat().st_size / 1e6:.1f} MB"
    try:
        return f"{size}, {_in_words(_counts_of(path))}"
    except sqlite3.Error as error:
        return f"{size}, cannot be read ({error})"


def _counts_in_use() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute(COUNTS)
            return _in_words(cursor.fetchone())
    except DatabaseError:
        return "without tables"


def _counts_of(path: Path) -> Counts:
    """Return the counts of a file. Raises sqlite3.Error."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as opened:
        found: Counts = opened.execute(COUNTS).fetchone()
        return found


def _in_words(row: Counts) -> str:
    papers, readers, newest = row
    edition = f"newest edition {newest}" if newest else "no edition"
    return f"{plural(papers, 'paper')}, {plural(readers, 'reader')}, {edition}"
