"""The real service of one installation, in this process and at whatever time it is told: its acts, turns and rows."""

from __future__ import annotations

import gc
import shutil
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connection
from django.test import Client

from digest import jobs
from digest.compose.emails import AT_HAND
from digest.delivery import throttle
from digest.delivery.after_restore import after_restore
from digest.delivery.apply_events import apply_events
from digest.delivery.send import deliver_all
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Batch, Delivery, Paper, Source
from subscriptions import consent, tokens
from subscriptions.models import LinkRequest, LoginToken, Subscriber, Topic, email_key
from subscriptions.preferences import Choices, Wish, save_choices
from tests.simulate.promises import MAIL, MAY_HAVE_LEFT, Wishes
from tests.support.factories import entry, feed
from tests.support.webhook_payloads import Mail, post_of

HOST = "papers.example.org"
TOPICS = {"invented-machines": ["cs.LG", "cs.RO"], "invented-nature": ["q-bio.NC", "astro-ph.GA"]}


@dataclass(frozen=True, slots=True)
class StoredRow:
    """What the database says of one reader's day, in the words of the promises, and which papers the mail had."""

    kind: str
    papers: frozenset[str]


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail that the sink has taken; ``day`` and ``papers`` are those of its row, None and none without a row."""

    address: str
    message_id: str
    at: datetime
    day: date | None
    papers: frozenset[str]


class Service:
    """Drives views, consent, webhooks and the timetable. ``log`` is the sink's."""

    def __init__(self, log: Path, database: Path, secret: str) -> None:
        self._log, self._read, self._database, self._secret = log, 0, database, secret
        self._client = Client(SERVER_NAME=HOST)
        for slug, categories in TOPICS.items():
            Topic.objects.create(slug=slug, name=slug, group="Invented", categories=categories)

    # --- readers

    def confirm(self, address: str, wishes: Wishes, now: datetime) -> None:
        choices = _choices(wishes)
        request = LinkRequest(kind="sign_up", email=address, choices=choices.as_json(), asked_at=now, page="/subscribe")
        reader = consent.sign_up(request, now=now)
        if reader is None or reader.status in consent.ON_THE_LIST:
            return
        kind = LoginToken.Purpose.CONFIRM
        secret = tokens.new_login_token(kind, reader, now=now, choices=choices.as_json())
        self._post(f"/c/{secret}")

    def choose(self, address: str, wishes: Wishes, now: datetime) -> None:
        save_choices(_reader(address), _choices(wishes), now=now)

    def weekly(self, address: str, now: datetime) -> None:
        consent.weekly(_reader(address).public_id, now=now)

    def pause(self, address: str, until: date | None, now: datetime) -> None:
        consent.pause(_reader(address).public_id, now=now, until=until)

    def resume(self, address: str, now: datetime) -> None:
        consent.resume(_reader(address).public_id, now=now)

    def leave(self, address: str, now: datetime) -> None:
        """Press the button that mail programs show (RFC 8058)."""
        self._post(f"/u/{self._unsubscribe_token(address)}", {"List-Unsubscribe": "One-Click"})

    def undo(self, address: str, now: datetime) -> None:
        self._post(f"/u/{self._unsubscribe_token(address)}", {"do": "undo"})

    def _unsubscribe_token(self, address: str) -> str:
        return tokens.token_for(tokens.UNSUBSCRIBE, _reader(address))

    def _post(self, path: str, data: Mapping[str, str] | None = None) -> None:
        number = zlib.crc32(path.encode())  # each from a network of its own
        visitor = f"10.{number % 250}.{number // 250 % 250}.{number // 62_500 % 250}"
        answer = self._client.post(path, data or {}, REMOTE_ADDR=visitor, secure=True)
        assert answer.status_code == 200, (path, answer.status_code)

    # --- the provider's events

    def tell(self, kind: str, mail: SentMail, at: datetime) -> None:
        """Post an event of the provider, and apply it."""
        reference = mail.message_id.strip("<>").partition("@")[0]
        said = Mail(reference=reference, recipient=mail.address, number=f"theirs-{reference}")
        post = post_of("postmark", kind, said, at=at, number=mail.message_id, secret=self._secret)
        answer = post.to(self._client, host=HOST)
        assert answer.status_code == 200, answer.status_code
        apply_events(at)

    # --- the timetable

    def open(self, day: date, papers: Mapping[str, frozenset[str]], now: datetime) -> None:
        """Store what a source shows of this day, and open its edition."""
        shown = feed(
            *(
                entry(
                    identifiers=(name,),
                    url=f"https://arxiv.org/abs/{name.removeprefix('arxiv:')}",
                    title=f"On the invented matter {name.partition('.')[2]} and its parts",
                    abstract=f"We study the invented matter {name}. We find that it has parts.",
                    categories=tuple(sorted(categories)),
                    announced_on=day,
                )
                for name, categories in papers.items()
            )
        )
        if papers:
            store.store(store.source_named_in(shown, "file.xml"), shown, now=now)
            Source.objects.update(active=False)  # nothing may leave this machine
        open_edition(day, now=now)

    def tick(self, now: datetime) -> list[SentMail]:
        """Take one turn; return the mails that the sink took in it."""
        jobs.tick(now)
        deliver_all(clock=lambda: now)
        return self.new_mails(now)

    def tidy(self, now: datetime) -> None:
        jobs.tidy(now)

    def new_mails(self, now: datetime) -> list[SentMail]:
        with self._log.open() as log:
            log.seek(self._read)
            lines = [line.split() for line in log]
            self._read = log.tell()
        ids = {name for _, name, *_ in lines}
        rows = {row.message_id: row for row in _with_papers(Delivery.objects.filter(message_id__in=ids))}
        names = _names(rows.values())
        return [
            SentMail(
                address,
                name,
                now,
                rows[name].issue_date if name in rows else None,
                frozenset(names[number] for number in rows[name].paper_ids) if name in rows else frozenset(),
            )
            for _, name, address in lines
        ]

    # --- the operator

    def back_up(self) -> None:
        with sqlite3.connect(self._database) as live, sqlite3.connect(self._backup) as copy:
            live.backup(copy)

    def restore(self, now: datetime) -> None:
        """Copy the backup back, as docs/operators.md says."""
        self._close()
        shutil.copy(self._backup, self._database)
        for end in ("-wal", "-shm"):
            Path(f"{self._database}{end}").unlink(missing_ok=True)
        self.restart()

    def after_restore(self, now: datetime) -> None:
        after_restore(now)

    def resume_sending(self, now: datetime) -> None:
        throttle.resume(now=now)

    def upgrade(self) -> None:
        """Do what the release step of a new version does, and start anew."""
        call_command("migrate", verbosity=0)
        self.restart()

    def restart(self) -> None:
        """Begin as a new process does: with nothing at hand, and with what others left behind."""
        self._close()
        AT_HAND.forget()

    def _close(self) -> None:
        """Close the database's files, as the end of a process does."""
        connection.close()
        # SQLite keeps them open for a cursor that was not read to its end, and garbage may hold one
        gc.collect()

    @property
    def _backup(self) -> Path:
        return self._database.with_suffix(".backup")

    # --- faults that the ledger must tell

    def lose_a_row(self) -> None:
        row = Delivery.objects.filter(status=Delivery.Status.ACCEPTED).latest("accepted_at", "pk")
        row.delete()

    def double_a_mail(self) -> None:
        row = Delivery.objects.filter(status=Delivery.Status.ACCEPTED).latest("accepted_at", "pk")
        batch = Batch.objects.create(size=1)
        row.status, row.batch, row.handed_over_at, row.not_after = "ready", batch, None, None
        row.save()

    # --- what is in the database

    def rows(self) -> dict[tuple[str, date], StoredRow]:
        found: dict[tuple[str, date], StoredRow] = {}
        addresses = dict(Subscriber.objects.values_list("pk", "email"))
        everything = _with_papers(Delivery.objects.order_by("pk"))
        names = dict(Paper.objects.values_list("pk", "identifier"))
        for row in everything.iterator(chunk_size=2000):
            papers = frozenset(names[number] for number in row.paper_ids)
            found[addresses[row.subscriber_id], row.day] = StoredRow(_kind(row), papers)
        return found


def _kind(row: Delivery) -> str:
    if row.status == Delivery.Status.UNKNOWN:
        return MAY_HAVE_LEFT
    if row.status in Delivery.SENT:
        return MAIL
    return row.status_reason if row.status == Delivery.Status.SKIPPED else row.status


def _with_papers(rows: Any) -> Any:
    return rows.select_related("content").defer("content__record")


def _names(rows: Sequence[Delivery] | Any) -> dict[int, str]:
    numbers = {number for row in rows for number in row.paper_ids}
    return dict(Paper.objects.filter(pk__in=numbers).values_list("pk", "identifier"))


def _reader(address: str) -> Subscriber:
    return Subscriber.objects.get(email_key=email_key(address))


def _choices(wishes: Wishes) -> Choices:
    return Choices(
        zone=wishes.zone,
        send_hour=wishes.hour,
        weekdays=sum(1 << day for day in wishes.days),
        max_papers=wishes.most,
        quiet_days=wishes.quiet_days,
        wishes=tuple(_wishes(wishes)),
    )


def _wishes(wishes: Wishes) -> Iterator[Wish]:
    """Name two categories by the topic that stands for both, where there is one."""
    wanted = set(wishes.wants)
    for slug, categories in TOPICS.items():
        if wanted.issuperset(categories):
            wanted.difference_update(categories)
            yield Wish("topic", slug)
    yield from (Wish("category", one) for one in sorted(wanted))
    yield from (Wish("category", one, "mute") for one in sorted(wishes.mutes))
