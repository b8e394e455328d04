"""Every change of permission to write to a person, each with its row of proof.

Functions return True when they changed something; ``proof`` is what :func:`record` keeps of a press. Each change is one
conditional UPDATE and its event in one transaction, so that the same wish twice, or from two places at once, is on
record once.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from subscriptions.mail.rendering import one_line
from subscriptions.models import (
    ConsentEvent,
    LinkRequest,
    LoginToken,
    Subscriber,
    Suppression,
    address_hash,
    email_key,
)
from subscriptions.preferences import HALF_A_DAY, Choices, next_regular, save_choices
from subscriptions.schedule import local_date

MONDAY = 0b0000001
REGRET = timedelta(hours=24)  # how long leaving can be taken back

ON_THE_LIST = (Subscriber.Status.ACTIVE, Subscriber.Status.PAUSED)

_PERSONAL = (  # what a row loses with erasure
    "email", "email_key", "pending_email", "pending_since", "status", "key_version", "zone", "send_hour", "weekdays",
    "max_papers", "hype", "quiet_days", "paused_until", "next_send_at", "left_at", "left_as",
)  # fmt: skip


class AddressChange(StrEnum):
    """What became of a wish to be written to elsewhere."""

    CHANGED = "changed"
    TAKEN = "taken"  # someone subscribes with that address, or did
    SUPPRESSED = "suppressed"  # mail to that address is refused
    NOT_ASKED = "not asked"  # this reader asked for no such thing, or is gone


# Coming --------------------------------------------------------------------------------------------------------------


def sign_up(request: LinkRequest, *, now: datetime) -> Subscriber | None:
    """Someone asked for digests on the form: a pending reader with these choices, until they confirm.

    Whoever is known already is returned as they are: what was typed about them is held with the link to confirm, since
    anybody may have typed it. None for a suppressed address, of which nothing is kept.
    """
    with transaction.atomic():
        if Suppression.objects.blocking(request.email).exists():
            return None
        reader, is_new = _row_of(request.email, now=now)
        if reader.status in ON_THE_LIST:
            return reader
        if is_new:
            save_choices(reader, Choices.from_json(request.choices), now=now)
        elif reader.confirmed_at is None:
            reader.status, reader.signed_up_at = Subscriber.Status.PENDING, now
            reader.save(update_fields=["status", "signed_up_at"])
        record(
            reader.public_id,
            ConsentEvent.Kind.SIGNED_UP,
            now=request.asked_at,
            ip=request.ip,
            user_agent=request.user_agent,
            page=request.page,
            wording=request.wording,
        )
        return reader


def _row_of(email: str, *, now: datetime) -> tuple[Subscriber, bool]:
    """Whoever has this address, locked; a new row, and True, for nobody."""
    key, is_new = email_key(email), False
    while True:  # whoever is erased in this moment has it no more
        if reader := Subscriber.objects.select_for_update().filter(email_key=key).first():
            return reader, is_new
        _, is_new = Subscriber.objects.get_or_create(email_key=key, defaults={"email": email, "signed_up_at": now})


def confirm(public_id: str, *, now: datetime, token: LoginToken | None = None, **proof: Any) -> bool:
    """The reader says yes to digests. The first one is due at once, unless they had one today or 12 hours ago.

    ``token`` is the link that was followed: the choices held with it become the reader's, and it brings back who had
    left, since leaving ends all links from before.
    """
    may_come = [Subscriber.Status.PENDING, Subscriber.Status.UNSUBSCRIBED] if token else [Subscriber.Status.PENDING]
    with transaction.atomic():
        if not Subscriber.objects.filter(public_id=public_id, status__in=may_come).update(
            status=Subscriber.Status.ACTIVE,
            confirmed_at=now,
            next_send_at=now,
            paused_until=None,
            left_at=None,
            left_as="",
        ):
            return False
        if token and token.choices:
            save_choices(Subscriber.objects.get(public_id=public_id), Choices.from_json(token.choices), now=now)
        reader = Subscriber.objects.get(public_id=public_id)
        today = local_date(reader.zone, now)
        had_one = reader.last_digest_at is not None and reader.last_digest_at > now - HALF_A_DAY
        if had_one or (reader.last_issue_date is not None and reader.last_issue_date >= today):
            _move_next_digest(reader, now=now)
        _links_to_confirm(public_id).filter(used_at=None).update(used_at=now)
        record(public_id, ConsentEvent.Kind.CONFIRMED, now=now, reference=str(token.pk) if token else "", **proof)
    return True


def create_demo_subscriber(email: str, *, now: datetime, **choices: object) -> tuple[Subscriber, bool]:
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
            record(reader.public_id, ConsentEvent.Kind.DEMO, now=now)
    return reader, created


# Staying -------------------------------------------------------------------------------------------------------------


def pause(public_id: str, *, now: datetime, until: date | None = None, **proof: Any) -> bool:
    """No digest for a while; a row a day says so. With ``until`` it ends by itself on that day."""
    listed = Subscriber.objects.on_the_list().filter(public_id=public_id)
    with transaction.atomic():
        changed = listed.update(status=Subscriber.Status.PAUSED, paused_until=until)
        if changed:
            record(public_id, ConsentEvent.Kind.PAUSED, now=now, **proof)
    return bool(changed)


def resume(public_id: str, *, now: datetime, **proof: Any) -> bool:
    """The pause is over: the next digest, at the reader's own hour, brings what came meanwhile."""
    with transaction.atomic():
        paused = Subscriber.objects.filter(public_id=public_id, status=Subscriber.Status.PAUSED)
        changed = paused.update(status=Subscriber.Status.ACTIVE, paused_until=None)
        if changed:
            record(public_id, ConsentEvent.Kind.RESUMED, now=now, **proof)
    return bool(changed)


def weekly(public_id: str, *, now: datetime, **proof: Any) -> bool:
    """A digest on Mondays only, of the whole week."""
    listed = Subscriber.objects.on_the_list().filter(public_id=public_id)
    with transaction.atomic():
        changed = listed.exclude(weekdays=MONDAY).update(weekdays=MONDAY)
        if changed:
            _move_next_digest(Subscriber.objects.get(public_id=public_id), now=now)
            record(public_id, ConsentEvent.Kind.WEEKLY, now=now, **proof)
    return bool(changed)


def change_address(public_id: str, *, now: datetime, reference: str = "", **proof: Any) -> AddressChange:
    """Write to the address this reader asked for, from now on; visits begun before end.

    Another's sign-up of that address that was never confirmed gives way; whoever did confirm there keeps it.
    """
    with transaction.atomic():
        readers = Subscriber.objects.exclude(status=Subscriber.Status.ERASED).select_for_update()
        reader = readers.filter(public_id=public_id).first()
        if reader is None or not reader.pending_email:
            return AddressChange.NOT_ASKED
        if Suppression.objects.blocking(reader.pending_email).exists():
            return AddressChange.SUPPRESSED
        new, key = reader.pending_email, email_key(reader.pending_email)
        others = Subscriber.objects.filter(email_key=key).exclude(pk=reader.pk)
        delete_unconfirmed(others.filter(status=Subscriber.Status.PENDING, confirmed_at=None))
        if others.exists():
            return AddressChange.TAKEN
        reader.email, reader.email_key, reader.pending_email, reader.pending_since = new, key, None, None
        reader.key_version += 1
        try:
            with transaction.atomic():
                reader.save(update_fields=["email", "email_key", "pending_email", "pending_since", "key_version"])
        except IntegrityError:  # someone signed up with it in this moment
            return AddressChange.TAKEN
        reader.login_tokens.filter(used_at=None).delete()  # they were mailed to the old address
        record(public_id, ConsentEvent.Kind.ADDRESS_CHANGED, now=now, reference=reference, **proof)
    return AddressChange.CHANGED


def ask_for_address(reader: Subscriber, email: str, *, now: datetime) -> None:
    """This reader wants to be written to at ``email``, which is to be confirmed; links for an earlier wish end.

    Kept whatever the address, so that what the reader sees does not tell who else is known here.
    """
    with transaction.atomic():
        asked = Subscriber.objects.exclude(status=Subscriber.Status.ERASED).filter(pk=reader.pk)
        asked.update(pending_email=email, pending_since=now)
        # else a link that went to one address would bring the digests to another
        LoginToken.objects.filter(subscriber=reader, purpose=LoginToken.Purpose.CHANGE_ADDRESS).delete()
        waiting = LinkRequest.objects.filter(subscriber=reader, status=LinkRequest.Status.WAITING)
        waiting.filter(kind=LinkRequest.Kind.CHANGE_ADDRESS).delete()


def _move_next_digest(reader: Subscriber, *, now: datetime) -> None:
    Subscriber.objects.filter(pk=reader.pk).update(next_send_at=next_regular(reader, now=now))


# Leaving -------------------------------------------------------------------------------------------------------------


def unsubscribe(public_id: str, *, now: datetime, **proof: Any) -> bool:
    """Let this reader go, at once, and end every link to confirm. Twice, or for nobody, is the same as once."""
    listed = Subscriber.objects.filter(public_id=public_id, status__in=[Subscriber.Status.PENDING, *ON_THE_LIST])
    with transaction.atomic():
        left = listed.update(left_at=now, left_as=F("status"), status=Subscriber.Status.UNSUBSCRIBED, next_send_at=None)
        _links_to_confirm(public_id).delete()
        if left:
            record(public_id, ConsentEvent.Kind.UNSUBSCRIBED, now=now, **proof)
    return bool(left)


def undo_unsubscribe(public_id: str, *, now: datetime, **proof: Any) -> bool:
    """Take leaving back within a day of it: all is as it was, a pause too. False when it is too late."""
    gone = Subscriber.objects.filter(
        public_id=public_id,
        status=Subscriber.Status.UNSUBSCRIBED,
        left_at__gt=now - REGRET,
        left_as__in=ON_THE_LIST,
    )
    with transaction.atomic():
        reader = gone.first()
        if reader is None or Suppression.objects.blocking(reader.email).exists():
            return False
        if not gone.update(status=F("left_as"), left_at=None, left_as=""):
            return False
        _move_next_digest(Subscriber.objects.get(pk=reader.pk), now=now)
        record(public_id, ConsentEvent.Kind.REJOINED, now=now, **proof)
    return True


def _links_to_confirm(public_id: str) -> QuerySet[LoginToken]:
    return LoginToken.objects.filter(subscriber__public_id=public_id, purpose=LoginToken.Purpose.CONFIRM)


def suppress(email: str, *, reason: str, now: datetime, why: str = "") -> None:
    """Never write to this address again, whoever it belongs to; a standing record stays, a lifted one stands again.

    A complaint is the graver reason: it is noted over a bounce.
    """
    standing = {"reason": reason, "since": now, "why": why, "lifted_at": None, "lifted_by": ""}
    with transaction.atomic():
        row, created = Suppression.objects.get_or_create(address_hash=address_hash(email), defaults=standing)
        if not created and row.lifted_at is None:
            if reason == Suppression.Reason.COMPLAINED:
                standing_bounce = Suppression.objects.filter(pk=row.pk, reason=Suppression.Reason.BOUNCED)
                standing_bounce.update(reason=reason, why=why)
            return
        Suppression.objects.filter(pk=row.pk).update(**standing)
        for public_id in Subscriber.objects.filter(email_key=email_key(email)).values_list("public_id", flat=True):
            record(public_id, ConsentEvent.Kind.SUPPRESSED, now=now)


def lift(email: str, *, by: str, why: str, now: datetime) -> bool:
    """Mail to this address is refused no more; ``by`` is who says so, and what was noted before stays beside ``why``.

    Nobody is subscribed by it: whoever is on the list gets their next digest, whoever left stays away.
    """
    with transaction.atomic():
        standing = Suppression.objects.blocking(email).select_for_update().first()
        if standing is None:
            return False
        standing.lifted_at, standing.lifted_by = now, by[:150]
        standing.why = " ".join(filter(None, (standing.why, f"Lifted: {why}")))
        standing.save(update_fields=["lifted_at", "lifted_by", "why"])
        for public_id in Subscriber.objects.filter(email_key=email_key(email)).values_list("public_id", flat=True):
            record(public_id, ConsentEvent.Kind.LIFTED, now=now)
    return True


def erase(public_id: str, *, now: datetime) -> bool:
    """Take out everything personal, at once and for good: what stays is a row without a name and the record of consent.

    A suppression of the address stays too, as a keyed hash, so that whoever signs it up again is not written to.
    """
    with transaction.atomic():
        readers = Subscriber.objects.exclude(status=Subscriber.Status.ERASED).select_for_update()
        reader = readers.filter(public_id=public_id).first()
        if reader is None:
            return False
        reader.preferences.all().delete()
        reader.login_tokens.all().delete()
        LinkRequest.objects.filter(Q(subscriber=reader) | Q(email__iexact=reader.email)).delete()
        Suppression.objects.filter(address_hash=address_hash(reader.email)).update(why="")  # may name it
        _forget_visits([public_id])
        nobody = Subscriber(
            email="",
            email_key=f"erased:{public_id}",
            status=Subscriber.Status.ERASED,
            key_version=reader.key_version + 1,
        )
        for name in _PERSONAL:
            setattr(reader, name, getattr(nobody, name))
        reader.save(update_fields=_PERSONAL)
        record(public_id, ConsentEvent.Kind.ERASED, now=now)
    return True


def delete_unconfirmed(never_confirmed: QuerySet[Subscriber]) -> int:
    """Take out sign-ups that nobody confirmed; that somebody asked stays on record, without whence."""
    people = dict(never_confirmed.values_list("pk", "public_id"))
    _forget_visits(people.values())
    Subscriber.objects.filter(pk__in=people).delete()
    return len(people)


# The record ----------------------------------------------------------------------------------------------------------


def record(
    public_id: str,
    kind: str,
    *,
    now: datetime,
    ip: str | None = None,
    user_agent: str = "",
    page: str = "",
    wording: str = "",
    reference: str = "",
) -> None:
    """Write down one event; what a browser says of itself is cut to its column and rid of controls."""
    ConsentEvent.objects.create(
        public_id=public_id,
        kind=kind,
        at=now,
        ip=ip,
        user_agent=one_line(user_agent)[:300] or None,
        page=one_line(page)[:200],
        wording=wording,
        reference=reference,
    )


def _forget_visits(public_ids: Iterable[str]) -> None:
    ConsentEvent.objects.filter(public_id__in=list(public_ids)).update(ip=None, user_agent=None)
