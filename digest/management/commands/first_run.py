"""Add the default topics and sources."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from digest.editions.open_edition import current_time
from digest.ingest import retag
from digest.ingest.refresh import seed_sources
from subscriptions.seed_data import seed_topics


class Command(BaseCommand):
    help = (
        "Add the default topics and sources if there are none yet, and give default topics that nobody edited the "
        "rules of this version; changes by operators are kept. "
        "./run digest and ./run serve do it automatically. Exit codes: 0 done; 2 wrong arguments."
    )

    def handle(self, **options: Any) -> None:
        self.stdout.write(f"Added {seed_topics()} topics, {seed_sources()} sources.")
        if changed := retag.update_defaults(now=current_time(timezone.now())):
            self.stdout.write(f"Changed the rules of {changed} topics that still had those of an earlier version.")
