"""Add the default topics and sources."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from digest.ingest.refresh import seed_sources
from subscriptions.seed_data import seed_topics


class Command(BaseCommand):
    help = (
        "Add the default topics and sources if there are none yet; changes by operators are kept. "
        "./run digest and ./run serve do it automatically. Exit codes: 0 done; 2 wrong arguments."
    )

    def handle(self, **options: Any) -> None:
        self.stdout.write(f"Added {seed_topics()} topics, {seed_sources()} sources.")
