"""``./run digest``: read the papers, open the edition and send the digests of one day."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from digest import jobs
from digest.compose.phrases import plural
from digest.dashboard.auth.members import seed_demo_login
from digest.delivery.plan import plan
from digest.delivery.retry import reopen_from_outbox
from digest.delivery.send import deliver_all
from digest.delivery.sweep import reap
from digest.editions.current_time import noon
from digest.editions.open_edition import is_unread, open_edition
from digest.ingest import refresh, sample, store
from digest.ingest.papers.default_topics import update_defaults
from digest.ingest.parser_process import ParserProcess
from digest.ingest.store import Reading
from digest.management import files as given
from digest.management import one_reader, own_library, summary
from digest.models import Delivery, Edition, Source
from subscriptions.models import Subscriber
from subscriptions.seed_data import seed_demo_subscribers, seed_topics

# Django's own options are left out
USAGE = (
    "./run digest [--from FILE...] [--date DAY] | ./run digest --to ADDRESS [--topics TOPIC...] [--words PHRASE...] "
    "[--library FILE] [--send]"
)


class Command(BaseCommand):
    help = (
        "Read the day's papers, open its edition, rank it for each reader, send the digests, and print a summary. "
        "The papers come from the given files, else from the live sources, or with BROADSHEET_MODE=sample from the "
        "bundled sample day. Exit codes: 0 done, or nothing to do; 1 no source could be read, or a digest failed; "
        "2 wrong arguments."
    )

    # A wrong setting is told when it is read; the checks are for developers and load all pages, which takes a second.
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        return super().create_parser("./run", subcommand, allow_abbrev=False, usage=USAGE, **options)

    def add_arguments(self, parser: ArgumentParser) -> None:
        given.add_arguments(parser)
        one_reader.add_arguments(parser)

    def handle(self, *, files: list[Path] | None, day: date | None, **options: Any) -> None:
        names = ("to", "topics", "words", "replace", "send", "library")
        recipient = one_reader.recipient_from(**{name: options[name] for name in names})
        if bool(files) != (settings.MODE == "rehearsal"):
            raise CommandError("Use --from with BROADSHEET_MODE=rehearsal, and only there.", returncode=2)
        if settings.MODE == "live" and day:
            raise CommandError("Live sources have only today. Use --date with --from or the sample.", returncode=2)
        library = own_library.read(recipient.library) if recipient and recipient.library else None
        out = summary.console()
        feeds: given.Read = {}
        if files:
            feeds = given.read(files)
            day = day or given.day_of(feeds)
        day = day or datetime.now(UTC).date()
        now = datetime.now(UTC) if settings.MODE == "live" else noon(day)
        if settings.MODE == "sample":
            feeds = dict(sample.feeds(day))
            out.print("This is the bundled sample day: the papers are invented, and their links do not work.")
        _seed(out, now, is_personal=recipient is not None)
        reader = one_reader.reader_of(recipient, now=now) if recipient else None

        if settings.MODE == "live":
            readings = list(_refresh(out, now))
            now = datetime.now(UTC)
        else:
            readings = list(summary.progress("Storing papers", store.store_files(feeds, now=now), total=len(feeds)))
        summary.print_readings(out, readings, day=day)
        if reader and recipient and recipient.library and library:
            # after the day's papers are stored, so that they are known
            own_library.take(out, reader, recipient.library, library, now=now)
        if settings.MODE == "rehearsal" and not any(reading.stored for reading in readings):
            out.print("\nThe files have no papers, so no edition was opened and nothing was sent.")
            raise_if_unread(readings)
            return
        if is_unread(day, now=now) and not Edition.objects.filter(date=day).exists():
            out.print("\nNo source could be read, so no edition was opened and nobody was written to.")
            raise_if_unread(readings)
        edition, opened = open_edition(day, now=now)
        summary.print_edition(out, edition, opened=opened)

        deliveries = _deliver(out, day, now, reader=reader)
        if settings.MAIL_PROVIDER == "outbox":
            summary.print_outbox(out)
        if reader is None and (password := seed_demo_login()):
            summary.print_login(out, password)
        raise_if_unread(readings)
        if any(row.status == Delivery.Status.FAILED for row in deliveries):
            raise CommandError("At least one digest failed; see the reason above.", returncode=1)


def _seed(out: Console, now: datetime, *, is_personal: bool) -> None:
    """Add topics, and readers to look at unless the service is for one person."""
    topics, readers = seed_topics(), 0 if is_personal else seed_demo_subscribers(now)
    update_defaults(now=now)
    if topics or readers:
        people = "" if is_personal else f" and {plural(readers, 'demonstration reader')}"
        out.print(f"First run: added {plural(topics, 'topic')}{people}.")


def _deliver(out: Console, day: date, now: datetime, *, reader: Subscriber | None) -> list[Delivery]:
    """Plan and send the digests of this day, of all readers or only of this one, and print them."""
    readers = Subscriber.objects.on_the_list() if reader is None else Subscriber.objects.filter(pk=reader.pk)
    planned = plan(now, readers.values_list("pk", flat=True), issue_date=day)
    deliveries = Delivery.objects.filter(issue_date=day, subscriber__in=readers)
    if reader and settings.MAIL_PROVIDER != "outbox":
        planned.ready += sum(reopen_from_outbox(row) for row in deliveries)
    reap(now)
    only = None if reader is None else list(deliveries.exclude(batch=None).values_list("batch", flat=True))
    deliver_all(clock=lambda: now, only=only)
    jobs.count(now)
    rows = list(deliveries.select_related("subscriber", "content"))
    summary.print_deliveries(out, rows, planned=planned)
    if reader:
        summary.print_digests(out, rows)
    return rows


def raise_if_unread(readings: list[Reading]) -> None:
    if all(reading.error_kind for reading in readings):
        raise CommandError("No source could be read; see the reasons above.", returncode=1)


def _refresh(out: Console, now: datetime) -> Iterator[Reading]:
    """Fetch every active source with a progress bar."""
    if added := refresh.seed_sources():
        out.print(f"First run: switched on {plural(added, 'source')}. arXiv requires three seconds between requests.")
    with ParserProcess() as parser:
        gaps = refresh.fill_gaps(now, limit=refresh.MOST_MISSED, parser=parser)
        yield from summary.progress("Looking for missed days", gaps, total=None)
        sources = list(Source.objects.filter(active=True))
        for source in summary.progress("Fetching sources", sources, total=len(sources), name=lambda one: one.name):
            yield refresh.refresh(source, now=datetime.now(UTC), parser=parser)
