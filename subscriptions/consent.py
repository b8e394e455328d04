"""Every change of permission to write to a person, each with its row of proof."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction

from subscriptions.models import ConsentEvent, Subscriber, Suppression, address_hash, email_key


def confirm(public_id: str, *, now: datetime, ip: str | None = None, user_agent: str = "") -> bool:
    """The reader says yes to digests: the first one is due at once. True when that changed something."""
    pending = Subscriber.objects.filter(public_id=public_id, status=Subscriber.Status.PENDING)
    with transaction.atomic():
        confirmed = pending.update(status=Subscriber.Status.ACTIVE, confirmed_at=now, next_send_at=now)
        if confirmed:
            _record(public_id, ConsentEvent.Kind.CONFIRMED, now=now, ip=ip, user_agent=user_agent)
    return bool(confirmed)


def pause(public_id: str, *, now: datetime, until: date | None = None) -> bool:
    """No digest for a while; a row a day says so. With ``until`` it ends by itself on that day."""
    with transaction.atomic():
        paused = Subscriber.objects.on_the_list().filter(public_id=public_id)
        changed = paused.update(status=Subscriber.Status.PAUSED, paused_until=until)
        if changed:
            _record(public_id, ConsentEvent.Kind.PAUSED, now=now)
    return bool(changed)


def resume(public_id: str, *, now: datetime) -> bool:
    """The pause is over: the next digest, at the reader's own hour, brings what came meanwhile."""
    with transaction.atomic():
        paused = Subscriber.objects.filter(public_id=public_id, status=Subscriber.Status.PAUSED)
        changed = paused.update(status=Subscriber.Status.ACTIVE, paused_until=None)
        if changed:
            _record(public_id, ConsentEvent.Kind.RESUMED, now=now)
    return bool(changed)


def unsubscribe(public_id: str, *, now: datetime, ip: str | None = None, user_agent: str = "") -> bool:
    """Let this reader go, at once; True when that changed something. Twice, or for nobody, is the same as once."""
    listed = Subscriber.objects.filter(
        public_id=public_id,
        status__in=[Subscriber.Status.PENDING, Subscriber.Status.ACTIVE, Subscriber.Status.PAUSED],
    )
    with transaction.atomic():
        left = listed.update(status=Subscriber.Status.UNSUBSCRIBED, next_send_at=None)
        if left:
            _record(public_id, ConsentEvent.Kind.UNSUBSCRIBED, now=now, ip=ip, user_agent=user_agent)
    return bool(left)


def welcome_demonstration_reader(email: str, *, now: datetime, **choices: object) -> tuple[Subscriber, bool]:
    """Lay down a reader under ``.invalid``, whom only the outbox takes mail for; an existing one stays as it is."""
    if not email.endswith(".invalid"):
        raise ValueError("a demonstration reader lives under .invalid")
    with transaction.atomic():
        reader, created = Subscriber.objects.get_or_create(
            email_key=email_key(email),
            defaults={
                "email": email,
                "status": Subscriber.Status.ACTIVE,
                "signed_up_at": now,
                "confirmed_at": now,
                "next_send_at": now,
                **choices,
            },
        )
        if created:
            _record(reader.public_id, ConsentEvent.Kind.DEMO, now=now)
    return reader, created


def suppress(email: str, *, reason: str, now: datetime, why: str = "") -> None:
    """Never write to this address again, whoever it belongs to; a standing record stays, a lifted one stands again."""
    standing = {"reason": reason, "since": now, "why": why, "lifted_at": None, "lifted_by": ""}
    with transaction.atomic():
        row, created = Suppression.objects.get_or_create(address_hash=address_hash(email), defaults=standing)
        if not created and row.lifted_at is None:
            return
        Suppression.objects.filter(pk=row.pk).update(**standing)
        for public_id in Subscriber.objects.filter(email_key=email_key(email)).values_list("public_id", flat=True):
            _record(public_id, ConsentEvent.Kind.SUPPRESSED, now=now)


def _record(public_id: str, kind: str, *, now: datetime, ip: str | None = None, user_agent: str = "") -> None:
    ConsentEvent.objects.create(public_id=public_id, kind=kind, at=now, ip=ip, user_agent=user_agent[:300] or None)
