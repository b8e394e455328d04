"""Add the default topics and sources."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from digest.compose.phrases import plural
from digest.editions.current_time import current_time
from digest.ingest.papers.default_topics import update_defaults
from digest.models import Source
from subscriptions.seed_data import seed_topics


class Command(BaseCommand):
    help = (
        "Add the default topics and sources if there are none yet, and give default topics that nobody edited the "
        "rules of this version; changes by operators are kept. "
        "./run digest and ./run serve do it automatically. Exit codes: 0 done; 2 wrong arguments."
    )

    def handle(self, **options: Any) -> None:
        self.stdout.write(f"Added {plural(seed_topics(), 'topic')}, {plural(_seed_sources(), 'source')}.")
        if changed := update_defaults(now=current_time(timezone.now())):
            self.stdout.write(f"Changed the rules of {plural(changed, 'topic')} from those of an earlier version.")


def _seed_sources() -> int:
    if Source.objects.exists():
        return 0
    # loads all that reads feeds; serve, which calls this at each start, stays small without it
    from digest.ingest.refresh import seed_sources

    return seed_sources()
