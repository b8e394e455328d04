"""``./run digest``: the service's main job, once and whole."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from digest import delivering, ingest, planning, publishing, sample
from digest.management import files as given
from digest.management import summary
from digest.models import Delivery
from subscriptions.first_run import lay_down_demonstration_readers, lay_down_topics
from subscriptions.models import Subscriber


class Command(BaseCommand):
    help = (
        "Read the day's papers, open its edition, rank it for each reader, send the digests, and tell what was done. "
        "Without --from it reads the bundled sample day. Exit codes: 0 done, also when there was nothing to do; "
        "1 no file could be read, or a digest failed; 2 wrong arguments."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        given.add_arguments(parser)

    def handle(self, *, files: list[Path] | None, day: date | None, **options: Any) -> None:
        out = summary.console()
        if files:
            feeds = given.read(files)
            day = day or given.day_of(feeds) or datetime.now(UTC).date()
        else:
            day = day or datetime.now(UTC).date()
            feeds = dict(sample.feeds(day))
            out.print(
                "No files were given, so this is the bundled sample day: invented papers, whose links lead nowhere."
            )
        now = publishing.noon(day)
        topics, readers = lay_down_topics(), lay_down_demonstration_readers(now)
        if topics or readers:
            out.print(f"First run: {topics} topics are on offer, and {readers} demonstration readers have signed up.")

        readings = list(summary.progress("Storing papers", ingest.store_files(feeds, now=now), total=len(feeds)))
        summary.tell_readings(out, readings)
        edition, opened = publishing.open_edition(day, now=now)
        summary.tell_edition(out, edition, opened=opened)

        on_the_list = Subscriber.objects.on_the_list().values_list("pk", flat=True)
        planned = planning.plan(now, on_the_list, issue_date=day)
        delivering.deliver_all(clock=lambda: now)
        deliveries = list(Delivery.objects.filter(issue_date=day))
        summary.tell_deliveries(out, deliveries, planned=planned)
        summary.tell_outbox(out)

        if all(reading.error for reading in readings):
            raise CommandError("None of the given files could be read.", returncode=1)
        if any(row.status == Delivery.Status.FAILED for row in deliveries):
            raise CommandError("At least one digest failed; the reason stands above.", returncode=1)
