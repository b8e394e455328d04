"""Fill a database with a large invented installation, or measure the dashboard's pages on it.

The installation has papers, sources, editions, readers under .invalid, and their deliveries. Only the database that is
named is written to: an SQLite file that does not exist yet, or a PostgreSQL database without tables.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import DatabaseError, connection
from rich.console import Console

from tests.benchmarks.command_line import Refused, Result


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--database", required=True, metavar="FILE", help="an SQLite file, or postgres://USER:PASSWORD@HOST:PORT/NAME"
    )
    parser.add_argument("--readers", type=int, default=100_000, help="default: 100000")
    parser.add_argument("--papers", type=int, default=50_000, help="default: 50000")
    parser.add_argument("--days", type=int, default=30, help="of editions and deliveries, today the last (default: 30)")
    parser.add_argument("--seed", type=int, default=4, help="of everything that is drawn (default: 4)")
    parser.add_argument("--measure", action="store_true", help="print each page's times on a database that was filled")
    parser.add_argument("--requests", type=int, default=20, help="with --measure, of each page (default: 20)")


def run(given: argparse.Namespace, out: Console) -> Result:
    if given.requests < 1:
        raise Refused("give at least one request")
    if not (0 < given.days <= 365 and given.readers >= 0 and given.days <= given.papers <= 99_999):
        raise Refused("give 1 to 365 days, at least one paper a day and at most 99,999")
    with _set_up(given.database, is_filled=given.measure):
        # Models can be imported only now.
        from tests.benchmarks import large_installation

        if given.measure:
            large_installation.refuse_unless_invented()
        else:
            large_installation.refuse_with_tables()
        call_command("prepare")
        if given.measure:
            return large_installation.measure(out, requests=given.requests)
        return large_installation.fill(
            out, readers=given.readers, papers=given.papers, days=given.days, seed=given.seed, now=datetime.now(UTC)
        )


@contextmanager
def _set_up(database: str, *, is_filled: bool) -> Iterator[None]:
    """Set up Django on this database, with a folder and secrets of its own. Raises Refused."""
    is_url = database.startswith(("postgres://", "postgresql://"))
    file = Path(database).resolve()
    if not is_url:
        _refuse_file(file, is_filled=is_filled)
    with tempfile.TemporaryDirectory(prefix="broadsheet-") as folder:
        # Readers are hashed by a secret, so filling and measuring need the same.
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "digest.config.settings",
            "BROADSHEET_MODE": "live",
            "BROADSHEET_VAR": folder,
            "DATABASE_URL": database if is_url else "",
            "REDIS_URL": "",
            "SECRET_KEY": "an invented installation hides nothing",
            "SUPPRESSION_KEY": "an invented installation hides nothing",
        }
        try:
            if not is_url:
                settings.DATABASES["default"]["NAME"] = file
            if settings.MAIL_PROVIDER != "outbox" and not is_filled:
                raise Refused("this installation sends mail to real people: set MAIL_PROVIDER=outbox for this command")
            django.setup()
            connection.ensure_connection()
        except ImproperlyConfigured as error:
            raise Refused(str(error).removesuffix(".")) from error
        except DatabaseError as error:
            raise Refused(f"--database cannot be opened: {str(error).partition(chr(10))[0]}") from error
        try:
            yield
        finally:
            connection.close()


def _refuse_file(file: Path, *, is_filled: bool) -> None:
    if is_filled and not file.is_file():
        raise Refused(f"there is no file {file}: fill it first, without --measure")
    if not is_filled and file.exists():
        raise Refused(f"{file} exists: name a new file")
    if not file.parent.is_dir():
        raise Refused(f"there is no folder {file.parent}")
