"""Invent readers and a month of their deliveries, written in bulk as the product writes them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import islice
from typing import TypeVar

from django.conf import settings
from django.db import connection, models
from django.db.models import Count, Min

from digest.models import Delivery, DeliveryContent, DeliveryEvent, Edition, Provider, StatusReason, Verdict
from digest.record import DigestRecord
from subscriptions.consent_text import VERSION
from subscriptions.models import ConsentEvent, Preference, Subscriber, Suppression, Topic, address_hash, email_key

CHUNK = 2000
MODELS = 2000  # deliveries of a day that are made one by one
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Tokyo", "UTC", "Asia/Kolkata", "America/Los_Angeles"]
KEYWORDS = ["language model", "graph", "protein", "robot", "diffusion", "causal inference", "galaxy", "black hole"]
S, R, C = Delivery.Status, Subscriber.Status, ConsentEvent.Kind
OF_A_DAY = {  # status and reason of a past day's rows -> how many of a thousand
    (S.ACCEPTED, ""): 500,
    (S.DELIVERED, ""): 420,
    (S.SKIPPED, StatusReason.NOTHING_MATCHED): 40,
    (S.SKIPPED, StatusReason.PAUSED): 14,
    (S.SKIPPED, StatusReason.SUPPRESSED): 5,
    (S.SKIPPED, StatusReason.TOO_SOON): 2,
    (S.BOUNCED, StatusReason.EVENT_BOUNCED): 4,
    (S.COMPLAINED, StatusReason.EVENT_COMPLAINED): 1,
    (S.FAILED, StatusReason.REFUSED_BY_SERVER): 8,
    (S.EXPIRED, StatusReason.EXPIRED): 4,
    (S.UNKNOWN, StatusReason.WORKER_STOPPED): 2,
}
OPEN = {(S.READY, ""): 60, (S.RETRY_WAIT, StatusReason.DEFERRED): 4}  # of today's, besides
STATUSES = {R.ACTIVE: 92, R.PAUSED: 3, R.UNSUBSCRIBED: 3, R.PENDING: 2}
M = TypeVar("M", bound=models.Model)
DOMAIN = "@crowd.invalid"


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who gets a row on each day, as (number, public id)."""

    listed: list[tuple[int, str]]


def in_chunks(model: type[M], rows: Iterable[M]) -> Iterator[int]:
    """Write rows as they are made; how many with each chunk."""
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK)):
        model._default_manager.bulk_create(chunk)
        yield len(chunk)


def readers(count: int, *, now: datetime, dice: random.Random) -> Iterator[Subscriber]:
    """Readers under ``.invalid``, to whom no backend but the outbox writes; most of them on the list."""
    statuses, weights = list(STATUSES), list(STATUSES.values())
    for number in range(count):
        status = dice.choices(statuses, weights)[0]
        email = f"reader{number:06}{DOMAIN}"
        joined = now - timedelta(days=dice.expovariate(1 / 90), minutes=dice.randrange(1440))
        is_in = status != R.PENDING
        left = min(now, joined + timedelta(days=dice.randrange(60)))
        yield Subscriber(
            email=email,
            email_key=email_key(email),
            status=status,
            zone=dice.choice(ZONES),
            send_hour=dice.randrange(5, 10),
            weekdays=127,
            max_papers=dice.choice((5, 10, 10, 15)),
            hype=dice.choice((0, 50, 50, 100)),
            next_send_at=now + timedelta(hours=dice.randrange(12, 30)) if status in (R.ACTIVE, R.PAUSED) else None,
            signed_up_at=joined,
            confirmed_at=joined + timedelta(minutes=7) if is_in else None,
            last_issue_date=now.date() if is_in else None,
            last_digest_at=now if is_in else None,
            left_at=left if status == R.UNSUBSCRIBED else None,
            left_as=R.ACTIVE if status == R.UNSUBSCRIBED else "",
        )


def preferences(dice: random.Random) -> Iterator[Preference]:
    """One to six things a reader; some topics are far more popular than others, and some are muted."""
    topics = list(Topic.objects.values_list("pk", flat=True))
    weights = [1 / (place + 2) for place in range(len(topics))]
    for reader in Subscriber.objects.order_by("pk").values_list("pk", flat=True).iterator(CHUNK):
        wishes = dice.randrange(1, 7)
        for topic in dict.fromkeys(dice.choices(topics, weights, k=max(1, wishes - 1))):
            stance = Preference.Stance.MUTE if dice.random() < 0.08 else Preference.Stance.WANT
            yield Preference(subscriber_id=reader, kind=Preference.Kind.TOPIC, topic_id=topic, stance=stance)
        if wishes > 1:
            yield Preference(subscriber_id=reader, kind=Preference.Kind.KEYWORD, value=dice.choice(KEYWORDS))


def consent(now: datetime) -> Iterator[ConsentEvent]:
    """The proof of each reader's consent, and of leaving."""
    fields = ("public_id", "signed_up_at", "confirmed_at", "left_at")
    for public_id, asked, confirmed, left in Subscriber.objects.order_by("pk").values_list(*fields).iterator(CHUNK):
        proof = {"public_id": public_id, "page": "/subscribe", "wording": VERSION}
        yield ConsentEvent(kind=C.SIGNED_UP, at=asked, ip="192.0.2.7", user_agent="Mozilla/5.0", **proof)
        if confirmed:
            yield ConsentEvent(kind=C.CONFIRMED, at=confirmed, ip="192.0.2.7", user_agent="Mozilla/5.0", **proof)
        if left:
            yield ConsentEvent(kind=C.UNSUBSCRIBED, at=left, public_id=public_id)


def suppressions(now: datetime) -> Iterator[Suppression]:
    """One reader in two hundred; every fifth of them lifted again."""
    for place, email in enumerate(Subscriber.objects.order_by("pk").values_list("email", flat=True)[::200]):
        lifted = {"lifted_at": now, "lifted_by": "a curator"} if place % 5 == 4 else {}
        reason = Suppression.Reason.COMPLAINED if place % 4 == 3 else Suppression.Reason.BOUNCED
        yield Suppression(
            address_hash=address_hash(email), reason=reason, since=now - timedelta(days=place % 60), **lifted
        )


def crowd() -> Crowd:
    return Crowd(list(Subscriber.objects.on_the_list().order_by("pk").values_list("pk", "public_id")))


def deliveries(edition: Edition, crowd: Crowd, *, is_today: bool, dice: random.Random) -> Iterator[int]:
    """A row for everybody on the list, some at a time; afterwards the edition holds their tally.

    The first readers' rows are made one by one. The others' are copied from them by the database, each reader from
    another place on another day: a hundred times as quick.
    """
    models, others = crowd.listed[:MODELS], crowd.listed[MODELS:]
    made = list(_one_by_one(edition, models, is_today=is_today, dice=dice))
    yield from in_chunks(Delivery, made)
    contents = [row.content for row in made if row.paper_count]
    for content in contents:
        content.delivery_id = content.delivery.pk
    DeliveryContent.objects.bulk_create(contents, batch_size=CHUNK)
    if others:
        first = Delivery.objects.filter(edition=edition).aggregate(first=Min("pk"))["first"]
        shift = dice.randrange(len(models))
        yield _copied(edition, after=models[-1][0], first=first, shift=shift)
        _copy_contents(edition, after=models[-1][0], first=first, shift=shift)
    counts = Delivery.objects.filter(edition=edition).values_list("status").annotate(count=Count("pk")).order_by()
    edition.tally = dict(counts)
    edition.save(update_fields=["tally"])


def _copied(edition: Edition, *, after: int, first: int, shift: int) -> int:
    """Rows for the readers whose number is greater than ``after``; the models' numbers begin at ``first``."""
    quote, statuses = connection.ops.quote_name, [R.ACTIVE, R.PAUSED]
    columns = [str(field.column) for field in Delivery._meta.concrete_fields if not field.primary_key]
    other = {
        "subscriber_id": "reader.id",
        "message_id": "REPLACE(model.message_id, '@', '.' || CAST(reader.id AS varchar(20)) || '@')",
    }
    wanted = ", ".join(other.get(column, f"model.{quote(column)}") for column in columns)
    sql = (
        f"INSERT INTO {quote(Delivery._meta.db_table)} ({', '.join(map(quote, columns))}) SELECT {wanted}"
        f" FROM {quote(Subscriber._meta.db_table)} reader JOIN {quote(Delivery._meta.db_table)} model"
        " ON model.id = %s + (reader.id * 7919 + %s) %% %s WHERE reader.id > %s AND reader.status IN (%s, %s)"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [first, shift, MODELS, after, *statuses])
        return int(cursor.rowcount)


def _copy_contents(edition: Edition, *, after: int, first: int, shift: int) -> None:
    """Give the copied rows of an edition the content of their models."""
    quote = connection.ops.quote_name
    content, delivery = quote(DeliveryContent._meta.db_table), quote(Delivery._meta.db_table)
    sql = (
        f"INSERT INTO {content} (delivery_id, paper_ids, subject, record)"
        f" SELECT copy.id, model.paper_ids, model.subject, model.record FROM {delivery} copy JOIN {content} model"
        " ON model.delivery_id = %s + (copy.subscriber_id * 7919 + %s) %% %s"
        " WHERE copy.edition_id = %s AND copy.subscriber_id > %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [first, shift, MODELS, edition.pk, after])


def _one_by_one(
    edition: Edition, listed: list[tuple[int, str]], *, is_today: bool, dice: random.Random
) -> Iterator[Delivery]:
    papers = list(edition.candidates.order_by("pk").values_list("paper_id", flat=True)[:400])
    digests = [_digest(dice, papers) for _ in range(200)]  # as if only so many tastes were in the world
    odds = OF_A_DAY | (OPEN if is_today else {})
    kinds, weights = list(odds), list(odds.values())
    morning = datetime.combine(edition.date, time(7), edition.opened_at.tzinfo)
    for reader, public_id in listed:
        status, reason = dice.choices(kinds, weights)[0]
        yield _delivery(edition, reader, public_id, status, reason, morning, dice.choice(digests), dice.randrange(9000))


def _digest(dice: random.Random, papers: list[int]) -> tuple[list[int], DigestRecord]:
    chosen = dice.sample(papers, min(len(papers), dice.randrange(3, 9)))
    topics = dice.sample(["Machine learning", "Language", "Vision", "Robotics", "Statistics", "Security"], 2)
    why = [("topic", topics[0], 0.81), ("words", topics[1], 0.33), ("trending", "", 0.12)]
    return chosen, DigestRecord.explaining(
        [why for _ in chosen], arrived=len(papers), matched=len(chosen) * 4, asked_for=topics
    )


def _delivery(
    edition: Edition,
    reader: int,
    public_id: str,
    status: str,
    reason: str,
    morning: datetime,
    digest: tuple[list[int], DigestRecord],
    seconds: int,
) -> Delivery:
    row = Delivery(subscriber_id=reader, issue_date=edition.date, edition=edition, status=status)
    row.status_reason = reason
    if status == S.SKIPPED:
        return row
    paper_ids, record = digest
    row.put_content(paper_ids=paper_ids, subject=f"{edition.date:%-d %b}: {len(paper_ids)} papers", record=record)
    row.message_id = f"<{public_id}.{edition.date:%Y%m%d}@crowd.invalid>"
    row.dated_at, row.not_after = morning, morning + timedelta(hours=5)
    if status in (*Delivery.SENT, S.FAILED):
        at = morning + timedelta(seconds=seconds)
        row.attempts, row.provider, row.handed_over_at = 1, settings.MAIL_PROVIDER, at
        row.answer = {S.BOUNCED: "5.1.1", S.FAILED: "554"}.get(S(status), "250")
        row.accepted_at = at if status not in (S.UNKNOWN, S.FAILED) else None
    return row


def events(edition: Edition) -> Iterator[DeliveryEvent]:
    """What a provider told of that day's bounces, complaints, and a thousand of those that were delivered."""
    rows = Delivery.objects.filter(edition=edition)
    told = [*rows.filter(status__in=[S.BOUNCED, S.COMPLAINED]), *rows.filter(status=S.DELIVERED)[:1000]]
    for row in told:
        at = (row.handed_over_at or edition.opened_at) + timedelta(minutes=2)
        yield DeliveryEvent(
            dedupe_key=f"crowd|{row.pk}",
            delivery=row,
            kind=row.status,
            at=at,
            raw={"event": row.status},
            processed_at=at,
        )


def verdicts(edition: Edition, crowd: Crowd, dice: random.Random) -> Iterator[Verdict]:
    """One reader in fifty says more or less of one of the day's papers."""
    papers = list(edition.candidates.order_by("pk").values_list("paper_id", flat=True)[:60])
    for reader, _ in dice.sample(crowd.listed, len(crowd.listed) // 50) if papers else ():
        value = Verdict.Value.MORE if dice.random() < 0.7 else Verdict.Value.LESS
        yield Verdict(subscriber_id=reader, paper_id=dice.choice(papers), value=value, given_at=edition.opened_at)


def provider() -> None:
    Provider.objects.get_or_create(name=settings.MAIL_PROVIDER)
