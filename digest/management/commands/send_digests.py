"""Plan and deliver the digests of a day."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import Max

from digest.delivery.plan import plan
from digest.delivery.send import deliver_all
from digest.delivery.sweep import reap
from digest.editions.current_time import noon
from digest.editions.open_edition import WINDOW
from digest.management import files as given
from digest.management import summary
from digest.models import Delivery, Edition
from subscriptions.models import Subscriber, email_key


class Command(BaseCommand):
    help = (
        "Rank the open editions for every reader on the list, at any hour, and send each the digest of the day (today "
        "without --date) at most once. Exit codes: 0 done, or nothing to do; "
        "1 no edition, no such reader, or a digest failed; 2 wrong arguments."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        given.add_date(parser)
        parser.add_argument("--reader", metavar="ADDRESS", help="only this reader, by e-mail address or public id")
        parser.add_argument("--dry-run", action="store_true", help="show the digests; save and send nothing")

    def handle(self, *, day: date | None, reader: str | None, dry_run: bool, **options: Any) -> None:
        now = noon(day) if day else datetime.now(UTC)
        day = day or now.date()
        if not Edition.objects.filter(date__gt=now.date() - WINDOW, date__lte=now.date()).exists():
            first = f"./run manage open_edition --date {now.date()}"
            raise CommandError(f"No edition is open for {now.date()}. Run first: {first}", returncode=1)
        readers = Subscriber.objects.on_the_list()
        if reader:
            readers = readers.filter(email_key=email_key(reader)) | readers.filter(public_id=reader)
            if not readers.exists():
                raise CommandError("No active or paused reader has this address or public id.", returncode=1)
        out, ids = summary.console(), list(readers.values_list("pk", flat=True))
        if dry_run:
            with transaction.atomic():
                before = Delivery.objects.aggregate(last=Max("pk"))["last"] or 0
                planned = plan(now, ids, issue_date=day)
                rows = Delivery.objects.filter(pk__gt=before).select_related("subscriber", "content")
                summary.print_plan(out, list(rows), planned=planned)
                transaction.set_rollback(True)
            return
        planned = plan(now, ids, issue_date=day)
        reap(now)
        deliver_all(clock=lambda: now)
        deliveries = list(Delivery.objects.filter(subscriber__in=ids, issue_date=day))
        summary.print_deliveries(out, deliveries, planned=planned)
        if any(row.status == Delivery.Status.FAILED for row in deliveries):
            raise CommandError("At least one digest failed; see the reason above.", returncode=1)
