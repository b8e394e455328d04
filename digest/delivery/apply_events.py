"""Make of stored events what they mean: for a delivery, for an address, for its reader.

An event is settled in two steps: what it says of its delivery, for many events in one short transaction, and then what
follows for the reader. Neither does harm when it is done again, or in another order.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import dropwhile, takewhile

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Count, Q
from django.db.models.fields.json import KT

from digest.delivery.events import BECOMES, NEVER_SENT, REASON, Kind, kind_of, most_severe, resolve_status, status_code
from digest.models import Delivery, DeliveryEvent, StatusReason
from subscriptions import consent
from subscriptions.mail.providers import BATCH_KEY
from subscriptions.models import ConsentEvent, Subscriber, Suppression, email_key
from subscriptions.tokens import sending_domain

logger = logging.getLogger(__name__)

SLICE = 200  # events of one transaction
LONGEST = 150.0  # seconds of one run; the next goes on
KEPT = timedelta(days=30)
WEEK = timedelta(days=7)
ENOUGH, LONG_ENOUGH = 3, timedelta(days=14)  # issues in a row that bounced, and from the first to the last of them
OURS = {"digest", "link"}  # the tags of our mails: a provider's account may send for others too
NOBODYS = "of_no_delivery"
NAMELESS = (
    "provider",
    "message_id",
    "reason",
    "name",
)  # what is kept of an event of no delivery: it may be about anybody
UNPROVED = (Delivery.Status.ACCEPTED, Delivery.Status.UNKNOWN)  # whether these arrived is not known, or not yet

_FOLLOWED = (
    *(Kind.BOUNCED, Kind.SOFT_BOUNCED, Kind.LISTED, Kind.COMPLAINED, Kind.COMPLAINED_BEFORE),
    *(Kind.UNSUBSCRIBED, Kind.LEFT_BEFORE),
)


def has_pending() -> bool:
    """Return whether an event has not been applied yet."""
    return DeliveryEvent.objects.filter(processed_at=None).exists()


def apply_events(now: datetime) -> Counter[str]:
    """Apply waiting events, oldest first; return how many of each kind, and how many of unknown deliveries.

    An event whose delivery a worker holds in this moment is left to the next run.
    """
    counts: Counter[str] = Counter()
    last, started = 0, time.monotonic()
    while time.monotonic() - started < LONGEST:
        waits = DeliveryEvent.objects.filter(processed_at=None, pk__gt=last).order_by("pk")
        numbers = list(waits.values_list("pk", flat=True)[:SLICE])
        if not numbers:
            break
        for event in _record(numbers, now, counts):
            try:
                _follow(event, now, counts)
            except (OperationalError, InterfaceError):
                raise
            except Exception:  # one that cannot be followed now must not stop the others: it is tried again
                logger.exception("Event %s could not be settled", event.pk)
        last = numbers[-1]
    if counts:
        logger.info("settled", extra={"facts": {**counts}})
    return counts


def not_understood(now: datetime) -> list[tuple[str, str, int]]:
    """Return (provider, its name for the kind, count) of the last week's events that are not understood, most first."""
    events = DeliveryEvent.objects.filter(kind=Kind.UNKNOWN, at__gt=now - WEEK).order_by()
    named = events.values_list(KT("raw__provider"), KT("raw__name")).annotate(count=Count("pk"))
    return sorted(((provider or "", name or "", count) for provider, name, count in named), key=lambda row: -row[2])


def delete_old_events(now: datetime) -> None:
    """Delete what was settled 30 days ago, addresses and all; deliveries and suppressions hold what came of it."""
    DeliveryEvent.objects.filter(processed_at__lte=now - KEPT).delete()


# What is said of deliveries ------------------------------------------------------------------------------------------


def _record(numbers: Sequence[int], now: datetime, counts: Counter[str]) -> list[DeliveryEvent]:
    """Write what these events say of their deliveries; those that something follows from, which are not settled yet."""
    with transaction.atomic():
        unsettled = DeliveryEvent.objects.filter(pk__in=numbers, processed_at=None).order_by("pk")
        events = list(unsettled.select_for_update(skip_locked=True))
        found = _match(events)
        # A row that a deliverer holds is not waited for: it may be waiting for one of ours. One without a name was
        # emptied in this moment, with its reader's erasure.
        named = Delivery.objects.filter(pk__in=set(found.values())).exclude(message_id=None)
        rows = named.select_for_update(skip_locked=True, no_key=True).in_bulk() if found else {}
        events = [event for event in events if event.pk not in found or found[event.pk] in rows]
        renamed = defaultdict(list)
        for event in events:
            if not event.delivery_id:
                event.delivery = rows.get(found.get(event.pk, 0))
                if (kind := _kind_of(event)) != event.kind:
                    event.kind = kind
                    renamed[kind].append(event.pk)
        proved = _move(rows, events)
        DeliveryEvent.objects.bulk_update([event for event in events if event.pk in found], ["delivery"])
        for kind, those in renamed.items():
            DeliveryEvent.objects.filter(pk__in=those).update(kind=kind)
        settled = [event for event in events if event.kind not in _FOLLOWED]
        DeliveryEvent.objects.filter(pk__in=[event.pk for event in settled]).update(processed_at=now)
        for event in settled:
            _count(event, counts)
        DeliveryEvent.objects.bulk_update([event for event in settled if not event.delivery_id], ["raw"])
    for row in proved:
        if row.announcement_id:
            continue
        before = Q(last_digest_at=None) | Q(last_digest_at__lt=row.accepted_at)
        Subscriber.objects.filter(before, pk=row.subscriber_id).update(last_digest_at=row.accepted_at)
    return [event for event in events if event.kind in _FOLLOWED]


def _match(events: Sequence[DeliveryEvent]) -> dict[int, int]:
    """Return event -> delivery for events without one, by our Message-ID or the provider's id of the mail."""
    events = [event for event in events if not event.delivery_id]
    domain = sending_domain()
    names = {event.pk: f"<{_said(event, 'reference')}@{domain}>" for event in events if _said(event, "reference")}
    theirs = {event.pk: _number_of(event) for event in events if _number_of(event)}
    either = Q(message_id__in=set(names.values())) | Q(provider_message_id__in=set(theirs.values()))
    rows = list(Delivery.objects.filter(either).values_list("pk", "message_id", "provider_message_id"))
    by_name, by_number = {name: pk for pk, name, _ in rows}, {number: pk for pk, _, number in rows}
    found = {event.pk: by_name.get(names.get(event.pk)) or by_number.get(theirs.get(event.pk, "")) for event in events}
    return {event: delivery for event, delivery in found.items() if delivery}


def _move(rows: Mapping[int, Delivery], events: Sequence[DeliveryEvent]) -> list[Delivery]:
    """Set the statuses of these locked rows from all their events; return the rows that are newly accepted."""
    told: dict[int | None, set[tuple[str, datetime]]] = defaultdict(set)
    known = DeliveryEvent.objects.filter(delivery__in=rows).values_list("delivery_id", "kind", "at") if rows else ()
    for pk, kind, at in [*known, *((event.delivery_id, event.kind, event.at) for event in events)]:
        told[pk].add((kind, at))
    numbers = {event.delivery_id: _number_of(event) for event in events if _number_of(event)}
    moved: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    proved, changed = [], []
    for pk, row in rows.items():
        kinds = {kind for kind, _ in told[pk]}
        status, reason = resolve_status(row.status, kinds), row.status_reason
        if BECOMES.get(last := most_severe(kinds)) == status:
            reason = str(REASON.get(Kind(last), reason if status == row.status else ""))
        if (status, reason) != (row.status, row.status_reason):
            moved[row.status, status, reason].append(pk)
        before = row.accepted_at, row.provider_message_id
        times = {at for kind, at in told[pk] if kind in BECOMES and kind not in NEVER_SENT}
        if row.accepted_at is None or row.accepted_at in times:  # not by the clock of a worker who was told
            row.accepted_at = min(times, default=None)
        if not row.provider_message_id or row.provider_message_id.startswith(BATCH_KEY):
            row.provider_message_id = numbers.get(pk, row.provider_message_id)
        if (row.accepted_at, row.provider_message_id) != before:
            changed.append(row)
        if row.accepted_at and not before[0]:
            proved.append(row)
    for (old, status, reason), pks in moved.items():
        Delivery.objects.filter(pk__in=pks, status=old).update(status=status, status_reason=reason, detail="")
    Delivery.objects.bulk_update(changed, ["accepted_at", "provider_message_id"])
    return proved


# What follows for the reader -----------------------------------------------------------------------------------------


def _follow(event: DeliveryEvent, now: datetime, counts: Counter[str]) -> None:
    """Act on this event, and mark it as processed."""
    reader, address = _whom(event)
    reported = ", ".join(filter(None, (_said(event, "provider"), status_code(_said(event, "said")))))
    match event.kind:
        case Kind.BOUNCED:
            _suppress(address, Suppression.Reason.BOUNCED, f"The address does not exist ({reported}).", now)
        case Kind.SOFT_BOUNCED if reader and _bounces_for_long(reader, address):
            why = f"No digest could be delivered for two weeks ({reported})."
            _suppress(address, Suppression.Reason.BOUNCED, why, now)
        case Kind.LISTED if not (reader and _was_refused(reader)):
            why = f"The mail provider keeps the address on its suppression list ({reported})."
            _suppress(address, Suppression.Reason.BOUNCED, why, now)
        case Kind.COMPLAINED | Kind.COMPLAINED_BEFORE:
            _unsubscribe(reader, event, now)
            _suppress(address, Suppression.Reason.COMPLAINED, f"The reader reported a mail as spam ({reported}).", now)
        case Kind.UNSUBSCRIBED | Kind.LEFT_BEFORE if not (
            reader and reader.confirmed_at and event.at < reader.confirmed_at
        ):
            _unsubscribe(reader, event, now)  # else they have come since
    _count(event, counts)
    ours = DeliveryEvent.objects.filter(pk=event.pk, processed_at=None)
    ours.update(processed_at=now, **({} if event.delivery_id else {"raw": event.raw}))


def _count(event: DeliveryEvent, counts: Counter[str]) -> None:
    """Count an event that is settled; one of no delivery loses its address."""
    counts[event.kind] += 1
    if not event.delivery_id:
        counts[NOBODYS] += 1
        event.raw = {name: value for name, value in event.raw.items() if name in NAMELESS}


def _whom(event: DeliveryEvent) -> tuple[Subscriber | None, str]:
    """Return the reader and the address that an event is about, where it is about a mail of ours."""
    address = _said(event, "recipient")
    if event.delivery:
        return event.delivery.subscriber, address or event.delivery.subscriber.email
    tags = event.raw.get("tags")
    if not address or not isinstance(tags, list) or not any(tag in tags for tag in OURS):
        return None, ""
    return Subscriber.objects.filter(email_key=email_key(address)).first(), address


def _suppress(address: str, reason: Suppression.Reason, why: str, now: datetime) -> None:
    if address:
        consent.suppress(address, reason=reason, now=now, why=why)


def _unsubscribe(reader: Subscriber | None, event: DeliveryEvent, now: datetime) -> None:
    if reader:
        page = f"/webhooks/{_said(event, 'provider')}"
        mail = (event.delivery.message_id if event.delivery else None) or _said(event, "reference")[:100]
        consent.unsubscribe(reader.public_id, now=now, page=page, reference=mail)


def _came_since(reader: Subscriber | None, event: DeliveryEvent) -> bool:
    return bool(reader and reader.confirmed_at and event.at < reader.confirmed_at)


def _was_refused(reader: Subscriber) -> bool:
    """Return whether a mail of ours was refused for what it is: providers list addresses for that, too."""
    return reader.deliveries.filter(status_reason=StatusReason.EVENT_REFUSED).exists()


def _bounces_for_long(reader: Subscriber, address: str) -> bool:
    """Return whether at least the last three issues bounced, over at least two weeks, and none in between arrived.

    What was before the reader confirmed, moved here or was written to again by an operator's leave does not count.
    """
    if email_key(address) != reader.email_key:
        return False
    fresh = [ConsentEvent.Kind.CONFIRMED, ConsentEvent.Kind.ADDRESS_CHANGED]
    starts = [
        *ConsentEvent.objects.filter(public_id=reader.public_id, kind__in=fresh).values_list("at", flat=True),
        *Suppression.objects.of(address).values_list("lifted_at", flat=True),
    ]
    sent = reader.deliveries.digests().filter(status__in=Delivery.SENT).order_by("-issue_date")
    if begun := max(filter(None, starts), default=None):
        # not by its issue date: a reader's day may begin before the UTC date of a moment in it
        sent = sent.filter(dated_at__gte=begun)
    newest_first = dropwhile(lambda row: row.status in UNPROVED, sent.only("issue_date", "status")[:60])
    days = [row.day for row in takewhile(lambda row: row.status == Delivery.Status.BOUNCED, newest_first)]
    return len(days) >= ENOUGH and days[0] - days[-1] >= LONG_ENOUGH


# What is in an event -------------------------------------------------------------------------------------------------


def _kind_of(event: DeliveryEvent) -> str:
    return kind_of(
        _said(event, "provider"),
        event.kind,
        said=_said(event, "said"),
        event=event.raw.get("event"),
    )


def _number_of(event: DeliveryEvent) -> str:
    """Return the provider's id of the mail, as a delivery stores it."""
    return _said(event, "message_id")[:200]


def _said(event: DeliveryEvent, name: str) -> str:
    value = event.raw.get(name)
    return value if isinstance(value, str) else ""
