"""Bring the database's tables and the static files up to date."""

from __future__ import annotations

from typing import Any

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
        call_command("migrate", interactive=False, verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
