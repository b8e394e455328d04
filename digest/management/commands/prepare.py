"""Bring the database's tables and the static files up to date."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
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
            call_command("collectstatic", interactive=False, verbosity=0)

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
