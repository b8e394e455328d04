"""Check the installation and print what to do."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand
from rich.markup import escape

from digest.diagnostics import dns_records
from digest.diagnostics.check_result import Severity
from digest.diagnostics.report import Environment, examine
from digest.management import summary

MARK = {
    Severity.WELL: "[green]ok  [/green]",
    Severity.ATTENTION: "[yellow]look[/yellow]",
    Severity.BROKEN: "[red]bad [/red]",
}


class Command(BaseCommand):
    help = (
        "Check the installation and print what to do: database, clock, broker, timetable, sources, mail, DNS records "
        "of the sending domain, one-click unsubscribe, stuck digests, staff accounts, readers. "
        "Exit codes: 0 all is well; 1 something needs attention; 2 wrong arguments; 3 something is broken."
    )
    requires_system_checks = []
    requires_migrations_checks = False

    def handle(self, **options: Any) -> None:
        out = summary.console()
        environment = Environment(clock=lambda: datetime.now(UTC), names=dns_records.resolver())
        findings = examine(environment.clock(), environment=environment)
        for finding in findings:
            out.print(f"{MARK[finding.severity]}  {escape(finding.what)}: {escape(finding.seen)}", soft_wrap=True)
            if finding.do:
                out.print(f"      {escape(finding.do)}", soft_wrap=True)
        sys.exit(max(finding.severity for finding in findings))
