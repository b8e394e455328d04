"""Lay down what a new house begins with."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from digest.ingest.refresh import seed_sources
from subscriptions.seed_data import seed_topics


class Command(BaseCommand):
    help = (
        "Offer the topics and switch on the default sources where there is none yet; an operator's choice is kept. "
        "./run digest and ./run serve do it by themselves. Exit codes: 0 done; 2 wrong arguments."
    )

    def handle(self, **options: Any) -> None:
        self.stdout.write(f"Laid down: {seed_topics()} topics, {seed_sources()} sources.")
