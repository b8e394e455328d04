"""Print the proof of consent of one person."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from subscriptions.consent_record import proof_of
from subscriptions.models import Subscriber, Suppression, email_key


class Command(BaseCommand):
    help = (
        "Print every change of one person's consent to get mail: time (UTC), page, wording, IP address, and the mail. "
        "Changes nothing. Exit codes: 0 printed; 1 no such person; 2 wrong arguments."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("--address", metavar="A", help="their e-mail address")
        dash = "write --reader=ID, since an id may begin with a dash"
        who.add_argument("--reader", metavar="PUBLIC_ID", help=f"the reader's public id; {dash}")

    def handle(self, *, address: str | None, reader: str | None, **options: Any) -> None:
        person = self._person(address, reader)
        public_id = person.public_id if person else reader or ""
        steps = proof_of(public_id)
        if address is not None and (suppression := _suppression(address)):
            self.stdout.write(suppression)
        if person is None and not steps:
            name = "this address" if address is not None else "this id"
            hint = " For an erased or unconfirmed reader, use --reader." if address is not None else ""
            raise CommandError(f"No reader has {name}.{hint}", returncode=1)
        self.stdout.write(f"reader    {public_id}")
        if person and person.email:
            self.stdout.write(f"address   {person.email}")
        status = person.get_status_display() if person else "gone: the sign-up was not confirmed"
        self.stdout.write(f"status    {status}")
        if not steps:
            self.stdout.write("\nThere are no events.")
        for step in steps:
            self.stdout.write("")
            self.stdout.write(f"{_moment(step.at)} {step.what}")
            for name, value in step.details:
                self.stdout.write(f"  {name:7} {value}")

    def _person(self, address: str | None, reader: str | None) -> Subscriber | None:
        if address is not None:
            return Subscriber.objects.filter(email_key=email_key(address)).first()
        return Subscriber.objects.filter(public_id=reader).first()


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _suppression(address: str) -> str:
    row = Suppression.objects.blocking(address).first()
    if row is None:
        return ""
    return f"Mail to this address is suppressed since {_moment(row.since)}: {row.get_reason_display()}."
