"""Show the databases of the three modes: where each is, and what is in it. Opens the files read-only."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection

from digest.compose.phrases import plural
from digest.diagnostics.check_result import CheckResult, Severity

COUNTS = (
    "SELECT (SELECT count(*) FROM digest_paper), (SELECT count(*) FROM subscriptions_subscriber),"
    " (SELECT max(date) FROM digest_edition)"
)


def examine_databases() -> list[CheckResult]:
    """Return one result that names the database of each mode, the one in use first."""
    modes = sorted(settings.DATABASE_FILES, key=lambda mode: mode != settings.MODE)
    seen = "; ".join(f"{mode}{' (in use)' if mode == settings.MODE else ''}: {_contents(mode)}" for mode in modes)
    return [CheckResult(Severity.WELL, "databases", seen)]


def _contents(mode: str) -> str:
    if mode == settings.MODE:
        return f"{'PostgreSQL' if connection.vendor == 'postgresql' else 'SQLite'}, {_counts_in_use()}"
    if mode == "live" and settings.DATABASE_URL:
        return "PostgreSQL, named by DATABASE_URL"
    path = settings.VAR / f"{settings.DATABASE_FILES[mode]}.sqlite3"
    if not path.exists():
        return "none yet"
    return f"{path.name}, {path.stat().st_size / 1e6:.1f} MB, {_counts_of(path)}"


def _counts_in_use() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute(COUNTS)
            return _in_words(cursor.fetchone())
    except DatabaseError:
        return "without tables"


def _counts_of(path: Path) -> str:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as opened:
            return _in_words(opened.execute(COUNTS).fetchone())
    except sqlite3.Error as error:
        return f"cannot be read ({error})"


def _in_words(row: tuple[int, int, object]) -> str:
    papers, readers, newest = row
    edition = f"newest edition {newest}" if newest else "no edition"
    return f"{plural(papers, 'paper')}, {plural(readers, 'reader')}, {edition}"
