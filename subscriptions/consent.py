"""Change the permission to write to a person, and record each change as proof.

Functions return True when they changed something; ``proof`` is what :func:`record` keeps of the request. Each change is
one conditional UPDATE and its event in one transaction, so that a request made twice, even at once, is recorded once.
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
REGRET = timedelta(hours=24)  # how long unsubscribing can be undone

ON_THE_LIST = (Subscriber.Status.ACTIVE, Subscriber.Status.PAUSED)

_PERSONAL = (  # columns that erasure resets
    "email", "email_key", "pending_email", "pending_since", "status", "key_version", "zone", "send_hour", "weekdays",
    "max_papers", "hype", "turned_down", "quiet_days", "layout", "also_trending", "paused_until", "next_send_at",
    "left_at", "left_as",
)  # fmt: skip


class AddressChange(StrEnum):
    """The result of a request to change the address."""

    CHANGED = "changed"
    TAKEN = "taken"  # another reader has or had that address
    SUPPRESSED = "suppressed"
    NOT_ASKED = "not asked"  # no change is pending, or the reader is erased


# Sign up and confirm -------------------------------------------------------------------------------------------------


def sign_up(request: LinkRequest, *, now: datetime) -> Subscriber | None:
    """Create a pending reader with the choices of this request, and return the row of the address.

    A reader who exists keeps their choices: those of the form are stored with the link to confirm, since anybody can
    type any address. Return None for a suppressed address and store nothing.
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
    """Return the locked row of this address, and whether it is new."""
    key, is_new = email_key(email), False
    # A loop: the row may be erased between the two queries, and then the address is free again.
    while True:
        if reader := Subscriber.objects.select_for_update().filter(email_key=key).first():
            return reader, is_new
        _, is_new = Subscriber.objects.get_or_create(email_key=key, defaults={"email": email, "signed_up_at": now})


def confirm(
    public_id: str, *, now: datetime, token: LoginToken | None = None, due_at: datetime | None = None, **proof: Any
) -> bool:
    """Make the reader active. The first digest is due at ``due_at``, else now, unless they had one today or in the last
    12 hours.

    ``token`` is the link that was followed: its choices become the reader's. It also readmits a reader who had
    unsubscribed: it must be newer than that, since unsubscribing deletes all earlier links.
    """
    may_come = [Subscriber.Status.PENDING, Subscriber.Status.UNSUBSCRIBED] if token else [Subscriber.Status.PENDING]
    with transaction.atomic():
        if not Subscriber.objects.filter(public_id=public_id, status__in=may_come).update(
            status=Subscriber.Status.ACTIVE,
            confirmed_at=now,
            next_send_at=due_at or now,
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
    """Create a reader under ``.invalid``, who gets mail in the outbox only, unless the address exists already."""
    if not email.endswith(".invalid"):
        raise ValueError("the address of a demonstration reader must end with .invalid")
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


def add_by_operator(email: str, choices: Choices, *, now: datetime) -> Subscriber:
    """Make this address an active reader with these choices, by the word of the operator, who owns the machine.

    For an address that is new or waits for its confirmation; the first digest is due at once. The caller has checked
    that the address is not suppressed.
    """
    with transaction.atomic():
        reader, _ = _row_of(email, now=now)
        save_choices(reader, choices, now=now)
        Subscriber.objects.filter(pk=reader.pk).update(
            status=Subscriber.Status.ACTIVE, confirmed_at=now, next_send_at=now
        )
        _links_to_confirm(reader.public_id).filter(used_at=None).update(used_at=now)
        record(reader.public_id, ConsentEvent.Kind.OPERATOR, now=now)
    reader.refresh_from_db()
    return reader


# Pause, days, address ------------------------------------------------------------------------------------------------


def pause(public_id: str, *, now: datetime, until: date | None = None, **proof: Any) -> bool:
    """Pause the digest; each day still gets a delivery row that says so. With ``until`` the pause ends on that day."""
    listed = Subscriber.objects.on_the_list().filter(public_id=public_id)
    with transaction.atomic():
        changed = listed.update(status=Subscriber.Status.PAUSED, paused_until=until)
        if changed:
            record(public_id, ConsentEvent.Kind.PAUSED, now=now, **proof)
    return bool(changed)


def resume(public_id: str, *, now: datetime, **proof: Any) -> bool:
    """End the pause. The next digest comes at the reader's hour and includes the papers that came meanwhile."""
    with transaction.atomic():
        paused = Subscriber.objects.filter(public_id=public_id, status=Subscriber.Status.PAUSED)
        changed = paused.update(status=Subscriber.Status.ACTIVE, paused_until=None)
        if changed:
            record(public_id, ConsentEvent.Kind.RESUMED, now=now, **proof)
    return bool(changed)


def weekly(public_id: str, *, now: datetime, **proof: Any) -> bool:
    """Change to one digest a week, on Mondays, about the whole week."""
    listed = Subscriber.objects.on_the_list().filter(public_id=public_id)
    with transaction.atomic():
        changed = listed.exclude(weekdays=MONDAY).update(weekdays=MONDAY)
        if changed:
            _move_next_digest(Subscriber.objects.get(public_id=public_id), now=now)
            record(public_id, ConsentEvent.Kind.WEEKLY, now=now, **proof)
    return bool(changed)


def change_address(public_id: str, *, now: datetime, reference: str = "", **proof: Any) -> AddressChange:
    """Make the pending address the reader's own, and end their sessions.

    Another sign-up with that address is deleted if it was never confirmed; a confirmed one keeps the address.
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
        except IntegrityError:  # somebody signed up with it at the same moment
            return AddressChange.TAKEN
        # These links were mailed to the old address.
        reader.login_tokens.filter(used_at=None).delete()
        record(public_id, ConsentEvent.Kind.ADDRESS_CHANGED, now=now, reference=reference, **proof)
    return AddressChange.CHANGED


def ask_for_address(reader: Subscriber, email: str, *, now: datetime) -> None:
    """Store ``email`` as the reader's pending address, and delete the links for an earlier one.

    Store any address, even one that is taken, so that the page does not reveal who else is subscribed.
    """
    with transaction.atomic():
        asked = Subscriber.objects.exclude(status=Subscriber.Status.ERASED).filter(pk=reader.pk)
        asked.update(pending_email=email, pending_since=now)
        # Otherwise a link mailed to one address could confirm another.
        LoginToken.objects.filter(subscriber=reader, purpose=LoginToken.Purpose.CHANGE_ADDRESS).delete()
        waiting = LinkRequest.objects.filter(subscriber=reader, status=LinkRequest.Status.WAITING)
        waiting.filter(kind=LinkRequest.Kind.CHANGE_ADDRESS).delete()


def _move_next_digest(reader: Subscriber, *, now: datetime) -> None:
    Subscriber.objects.filter(pk=reader.pk).update(next_send_at=next_regular(reader, now=now))


# Unsubscribe and erase -----------------------------------------------------------------------------------------------


def unsubscribe(public_id: str, *, now: datetime, **proof: Any) -> bool:
    """Unsubscribe at once, and delete every link to confirm. Repeated or unknown ids change nothing."""
    listed = Subscriber.objects.filter(public_id=public_id, status__in=[Subscriber.Status.PENDING, *ON_THE_LIST])
    with transaction.atomic():
        left = listed.update(left_at=now, left_as=F("status"), status=Subscriber.Status.UNSUBSCRIBED, next_send_at=None)
        _links_to_confirm(public_id).delete()
        if left:
            record(public_id, ConsentEvent.Kind.UNSUBSCRIBED, now=now, **proof)
    return bool(left)


def undo_unsubscribe(public_id: str, *, now: datetime, **proof: Any) -> bool:
    """Restore the reader's status, a pause too, within 24 hours of unsubscribing. Return False when it is too late."""
    with transaction.atomic():
        reader = may_undo_unsubscribe(public_id, now=now)
        if reader is None:
            return False
        if not _left_lately(public_id, now).update(status=F("left_as"), left_at=None, left_as=""):
            return False
        _move_next_digest(Subscriber.objects.get(pk=reader.pk), now=now)
        record(public_id, ConsentEvent.Kind.REJOINED, now=now, **proof)
    return True


def may_undo_unsubscribe(public_id: str, *, now: datetime) -> Subscriber | None:
    """Return the reader if :func:`undo_unsubscribe` would restore their status now."""
    reader = _left_lately(public_id, now).first()
    return None if reader is None or Suppression.objects.blocking(reader.email).exists() else reader


def _left_lately(public_id: str, now: datetime) -> QuerySet[Subscriber]:
    return Subscriber.objects.filter(
        public_id=public_id,
        status=Subscriber.Status.UNSUBSCRIBED,
        left_at__gt=now - REGRET,
        left_as__in=ON_THE_LIST,
    )


def _links_to_confirm(public_id: str) -> QuerySet[LoginToken]:
    return LoginToken.objects.filter(subscriber__public_id=public_id, purpose=LoginToken.Purpose.CONFIRM)


def suppress(email: str, *, reason: str, now: datetime, why: str = "") -> None:
    """Suppress this address: no mail goes to it any more. An active record stays as it is; a lifted one is renewed.

    Only a complaint replaces the reason of an active record, if that is a bounce, because it is more serious.
    """
    values = {"reason": reason, "since": now, "why": why, "lifted_at": None, "lifted_by": ""}
    with transaction.atomic():
        row = Suppression.objects.blocking(email).first()
        created = False
        if row is None:
            row, created = Suppression.objects.get_or_create(address_hash=address_hash(email), defaults=values)
        if not created and row.lifted_at is None:
            if reason == Suppression.Reason.COMPLAINED:
                bounce = Suppression.objects.filter(pk=row.pk, reason=Suppression.Reason.BOUNCED)
                bounce.update(reason=reason, why=why)
            return
        Suppression.objects.filter(pk=row.pk).update(**values)
        for public_id in Subscriber.objects.filter(email_key=email_key(email)).values_list("public_id", flat=True):
            record(public_id, ConsentEvent.Kind.SUPPRESSED, now=now)


def lift(email: str, *, by: str, why: str, now: datetime) -> bool:
    """Lift the suppression of this address on behalf of ``by``; ``why`` is added to the earlier note.

    This subscribes nobody: a reader on the list gets the next digest, an unsubscribed one stays unsubscribed.
    """
    with transaction.atomic():
        rows = list(Suppression.objects.blocking(email).select_for_update())
        if not rows:
            return False
        for row in rows:
            row.lifted_at, row.lifted_by = now, by[:150]
            row.why = " ".join(filter(None, (row.why, f"Lifted: {why}")))
            row.save(update_fields=["lifted_at", "lifted_by", "why"])
        for public_id in Subscriber.objects.filter(email_key=email_key(email)).values_list("public_id", flat=True):
            record(public_id, ConsentEvent.Kind.LIFTED, now=now)
    return True


def erase(public_id: str, *, now: datetime) -> bool:
    """Erase everything personal for good. An anonymous row and the record of consent stay.

    A suppression of the address stays too, as a keyed hash, so that a new sign-up with it gets no mail.
    """
    with transaction.atomic():
        readers = Subscriber.objects.exclude(status=Subscriber.Status.ERASED).select_for_update()
        reader = readers.filter(public_id=public_id).first()
        if reader is None:
            return False
        reader.preferences.all().delete()
        reader.login_tokens.all().delete()
        LinkRequest.objects.filter(Q(subscriber=reader) | Q(email__iexact=reader.email)).delete()
        # The note may contain the address.
        Suppression.objects.of(reader.email).update(why="")
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
    """Delete sign-ups that were never confirmed. Their consent events stay, without network address and browser."""
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
    """Store one event; the browser's texts are cut to their columns and freed of control characters."""
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
