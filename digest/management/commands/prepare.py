"""Bring the database's tables and the static files up to date."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = (
        "Bring the database's tables and the static files up to date; ./run does it before each command. "
        "Exit codes: 0 done, or nothing to do; 1 the database or the folder cannot be written."
    )
    # The command that follows makes them, and they load all pages: two seconds of processor time.
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        with self._alone():
            call_command("migrate", interactive=False, verbosity=0)
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


def collect_changed() -> None:
    """Collect the static files if one came, went or changed since the last time: to hash all takes half a second."""
    files = (storage.path(name) for finder in get_finders() for name, storage in finder.list([]))
    stats = sorted((path, *Path(path).stat()[6:9:2]) for path in files)
    now, kept = hashlib.sha256(repr(stats).encode()).hexdigest(), Path(settings.STATIC_ROOT) / "collected"
    if kept.exists() and kept.read_text() == now:
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    kept.write_text(now)
