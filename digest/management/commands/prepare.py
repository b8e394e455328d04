"""Bring the database's tables and the static files up to date."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from glob import escape, glob
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder


class Command(BaseCommand):
    help = (
        "Bring the database's tables and the static files up to date; ./run does it before each command. "
        "Exit codes: 0 done, or nothing to do; 1 the database or the folder cannot be written."
    )
    # The command that follows makes them, and they load all pages: two seconds of processor time.
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        with self._alone():
            migrate_changed()
            collect_changed()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold a lock that the system releases with this process: two would write the same tables and files."""
        with (settings.VAR / "prepare.lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.stderr.write("Another command prepares this folder; waiting for it ...")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def migrate_changed() -> None:
    """Migrate unless code and database are as after the last time: to find nothing to do takes half a second."""
    code = fingerprint(_sources())
    kept = settings.VAR / f"migrated-{settings.MODE}"
    if _says(kept, _database() + code):
        return
    call_command("migrate", interactive=False, verbosity=0)
    kept.write_text(_database() + code)


def _sources() -> Iterator[str]:
    """Name what tables, permissions and groups are made from: all of our code, and other packages' migrations."""
    for app in apps.get_app_configs():
        pattern = "**/*.py" if app.name in ("digest", "subscriptions") else "migrations/*.py"
        yield from glob(f"{escape(app.path)}/{pattern}", recursive=True)


def _database() -> str:
    """Name the database and the migrations that it has."""
    where = [str(connection.settings_dict[name]) for name in ("ENGINE", "HOST", "PORT", "NAME")]
    applied = sorted(MigrationRecorder(connection).applied_migrations())
    return hashlib.sha256(repr((where, applied)).encode()).hexdigest()


def collect_changed() -> None:
    """Collect the static files if one came, went or changed since the last time: to hash all takes half a second."""
    now = fingerprint(storage.path(name) for finder in get_finders() for name, storage in finder.list([]))
    kept = Path(settings.STATIC_ROOT) / "collected"
    if _says(kept, now):
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    kept.write_text(now)


def _says(note: Path, text: str) -> bool:
    """Return whether a note has exactly this text; one that is missing or broken has not."""
    try:
        return note.read_bytes() == text.encode()
    except OSError:
        return False


def fingerprint(files: Iterable[str]) -> str:
    """Return another text when a file comes, goes or changes."""
    stats = sorted((path, *os.stat(path)[6:9:2]) for path in files)
    return hashlib.sha256(repr(stats).encode()).hexdigest()
