#!/bin/sh
# Django (5.2): after connection.close() a SQLite file stays open, and a copy of it is incomplete, while an iterator lives.
set -eu
unset PYTHONPATH PYTHONHOME

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

if ! timeout 120 python3 -m venv "$work/venv" >"$work/log" 2>&1; then
    echo "missing: python3 with its venv module"
    exit 3
fi
python=$work/venv/bin/python
if ! timeout 300 "$python" -m pip install -q --disable-pip-version-check django==5.2.19 >"$work/log" 2>&1; then
    echo "missing: the packages could not be installed: $(tail -n 1 "$work/log")"
    exit 3
fi

cat >"$work/program.py" <<'PY'
import shutil
import sqlite3
import sys
from pathlib import Path

import django
from django.conf import settings

FILE, LOG, ROWS = Path("shop.sqlite3"), Path("shop.sqlite3-wal"), 1000
settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(FILE),
            "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL;"},
        }
    },
    INSTALLED_APPS=["django.contrib.contenttypes"],
)
django.setup()

from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection


def rows_of_a_copy():
    """Count what a backup has that is made now by copying the file, as one may once it is closed."""
    shutil.copyfile(FILE, "copy.sqlite3")
    copy = sqlite3.connect("copy.sqlite3")
    try:
        return copy.execute("SELECT count(*) FROM django_content_type WHERE app_label = 'shop'").fetchone()[0]
    finally:
        copy.close()


def add(names):
    ContentType.objects.bulk_create([ContentType(app_label="shop", model=name) for name in names])


def main():
    call_command("migrate", verbosity=0)
    add([f"old{number}" for number in range(ROWS)])
    connection.close()
    whole, is_gone = rows_of_a_copy(), not LOG.exists()

    add([f"new{number}" for number in range(ROWS)])
    reading = ContentType.objects.order_by("pk").iterator(chunk_size=100)
    next(reading)
    connection.close()
    incomplete, stays = rows_of_a_copy(), LOG.exists()
    goes_on = next(reading) is not None
    # the unread rows are given up: Django says on standard error that the database is closed, which is ignored
    sys.unraisablehook = lambda error: None
    del reading
    again, is_gone_at_last = rows_of_a_copy(), not LOG.exists()

    print(f"package   django {django.__version__}, Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}")
    print("expected  connection.close() closes the only connection: SQLite then writes its log into the file and removes it")
    print(f"seen      closed: the log is gone: {is_gone}; a copy of the file has {whole:,} of {ROWS:,} rows")
    print(f"          {ROWS:,} more rows, an iterator of which one row was read, closed: the log is there: {stays}; a copy has")
    print(f"          {incomplete:,} of {2 * ROWS:,} rows; the closed connection's iterator gives its next row: {goes_on}")
    print(f"          the iterator is deleted: the log is gone: {is_gone_at_last}; a copy has {again:,} rows")
    print("matters   a program that closes its connection and then copies or replaces the file loses the last rows, or meets")
    print("          the old file's locks, as long as any variable or traceback still holds an iterator")
    print("source    SQLite's sqlite3_close_v2(), which CPython's Modules/_sqlite/connection.c calls: the connection lives on")
    print("          until its last statement ends; django 5.2.19, django/db/backends/base/base.py, close(), ends none")
    seen = (whole, is_gone, incomplete, stays, goes_on, again, is_gone_at_last)
    as_stated = seen == (ROWS, True, ROWS, True, True, 2 * ROWS, True)
    print("" if as_stated else f"CHANGED: {seen}")
    return 0 if as_stated else 1


sys.exit(main())
PY

cd "$work"
"$python" program.py
