"""Requests for a mail with a link: a page stores them, a task answers them.

The page stores the same row for every address, so that neither its text nor its response time reveals who is
subscribed; only the task looks the address up. A row is claimed before its mail is sent and deleted afterwards, so that
nobody gets two mails when a worker dies in between. One that was claimed, and of which nothing was written down, is
answered later: its worker died at once, or the disk was full.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When

from subscriptions import consent, link_quota, rate_limits, suppression_key
from subscriptions.mail.mailer import Mailer, Purpose, SendResult, SendStatus
from subscriptions.mail.marks import gettext as _
from subscriptions.mail.null_mx import takes_no_mail
from subscriptions.mail.outcomes import Scope
from subscriptions.mail.rendering import RenderedEmail, one_line, render_email
from subscriptions.models import ConsentEvent, LinkRequest, LoginToken, Subscriber, Suppression, email_key
from subscriptions.preferences import Choices
from subscriptions.tokens import BEFORE_TOKEN, LASTS, message_id, new_login_token, withdraw_login_token
from subscriptions.wake_worker import enqueue_task

logger = logging.getLogger(__name__)

TASK = "subscriptions.tasks.process_pending"
# Five tries in all, or the last of these again and again while no mail can leave.
AGAIN_AFTER = [timedelta(minutes=minutes) for minutes in (1, 3, 10, 30)]
USEFUL = {  # older requests are dropped
    LinkRequest.Kind.SIGN_UP: timedelta(hours=24),
    LinkRequest.Kind.SIGN_IN: timedelta(hours=1),
    LinkRequest.Kind.CHANGE_ADDRESS: timedelta(hours=24),
}
NEXT_TRY = timedelta(minutes=15)  # when a quota is used up
LONGEST = 150.0  # seconds of one run
CLAIM_LASTS = timedelta(minutes=10)  # longer than a run

LEADS_TO = "leads_to"  # in the choices of a request to sign in
_Kind, _Status, _Link = LinkRequest.Kind, LinkRequest.Status, LoginToken.Purpose


def enqueue(
    kind: LinkRequest.Kind,
    *,
    email: str,
    now: datetime,
    page: str,
    ip: str | None,
    user_agent: str,
    choices: Choices | None = None,
    subscriber: Subscriber | None = None,
    wording: str = "",
    leads_to: str = "",
) -> None:
    """Store a request and wake the task once it is committed. Never raises when the broker is away.

    ``leads_to`` is what a link to sign in was asked for: an act of ``web.fresh_link``.
    """
    LinkRequest.objects.create(
        kind=kind,
        email=email,
        subscriber=subscriber,
        choices=choices.as_json() if choices else {LEADS_TO: leads_to} if leads_to else {},
        asked_at=now,
        page=one_line(page)[:200],
        wording=wording,
        ip=ip,
        user_agent=one_line(user_agent)[:300],
    )
    transaction.on_commit(partial(enqueue_task, TASK, queue="mail"))


# Answering -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mail:
    """The mail that answers a request, with one link; ``address`` is set if it is not yet the reader's own."""

    reader: Subscriber
    address: str
    template: str
    link: LoginToken.Purpose
    taken: tuple[link_quota.QuotaUse, ...]
    counted: tuple[rate_limits.RateUse, ...]


class _NotYet(Exception):
    """Raised when a recipient's quota is used up: the request waits."""


def process_pending(now: datetime) -> Counter[str]:
    """Answer every request that is due; return how many ended with each status or with ``nothing to send``.

    Sign-ins come first, since a person waits and no name server is asked; then the oldest.
    """
    counts: Counter[str] = Counter()
    if fault := suppression_key.check():
        logger.error("No mail with a link leaves: %s", fault)
        return counts
    started = time.monotonic()
    with Mailer() as mailer:
        while time.monotonic() - started < LONGEST and (request := _claim(now)):
            counts[_process(request, mailer, now)] += 1
    if counts:
        logger.info("Requests for mail answered: %s", ", ".join(f"{n} {end}" for end, n in sorted(counts.items())))
    return counts


def has_pending(now: datetime) -> bool:
    """Return whether a request is due and may be answered."""
    return _due(now).exists() and not suppression_key.fault()


def _due(now: datetime) -> QuerySet[LinkRequest]:
    ready = Q(not_before=None) | Q(not_before__lte=now)
    given_up = Q(status=_Status.ANSWERING, changed_at=None, not_before__lte=now - CLAIM_LASTS)
    return LinkRequest.objects.filter((ready & Q(status=_Status.WAITING)) | given_up)


def _claim(now: datetime) -> LinkRequest | None:
    """Claim the first waiting request for this worker by a conditional UPDATE."""
    first = Case(When(kind=_Kind.SIGN_IN, then=Value(0)), default=Value(1))
    for number in _due(now).order_by(first, "asked_at", "pk").values_list("pk", flat=True)[:20]:
        # not_before says since when it is claimed
        if _due(now).filter(pk=number).update(status=_Status.ANSWERING, attempts=F("attempts") + 1, not_before=now):
            return LinkRequest.objects.filter(pk=number).select_related("subscriber").first()
    return None


def _process(request: LinkRequest, mailer: Mailer, now: datetime) -> str:
    """Make the requested change, then mail its link; return the status. The link's secret is created here."""
    try:
        if _is_of_no_use(request, now):
            mail = None
        else:
            with transaction.atomic():
                mail = _ANSWERS[_Kind(request.kind)](request, now)
                token = _new_token(mail, request, now) if mail else ""
                LinkRequest.objects.filter(pk=request.pk).update(changed_at=now)
    except (_NotYet, rate_limits.TooManyConfirmations):
        LinkRequest.objects.filter(pk=request.pk).update(
            status=_Status.WAITING, not_before=now + NEXT_TRY, attempts=F("attempts") - 1
        )
        return "waiting for a limit"
    except Exception:  # nothing has been sent
        logger.exception("A request for a mail with a link could not be answered")
        _try_again(request, now=now)
        return SendStatus.LATER
    if mail is None:
        request.delete()
        return "nothing to send"
    result = _send(mail, token, request, mailer, now)
    if result.status not in (SendStatus.ACCEPTED, SendStatus.UNKNOWN):
        logger.warning("A mail with a link did not leave (%s): %s", result.status, result.text)
        withdraw_login_token(token)
    if result.status == SendStatus.LATER:
        for taken in mail.taken:
            link_quota.refund(taken)
        rate_limits.refund(mail.counted)
        _try_again(request, now=now, waits=result.scope != Scope.NONE)
    else:
        request.delete()
    return result.status


def _new_token(mail: _Mail, request: LinkRequest, now: datetime) -> str:
    """Create the link's secret; what the form of the same kind said is stored with it until the link is followed."""
    same_kind = {_Kind.SIGN_UP: _Link.CONFIRM, _Kind.SIGN_IN: _Link.SIGN_IN}.get(_Kind(request.kind))
    typed = request.choices if mail.link == same_kind else None
    return new_login_token(mail.link, mail.reader, now=now, choices=typed or None)


def _is_of_no_use(request: LinkRequest, now: datetime) -> bool:
    if now - request.asked_at > USEFUL[_Kind(request.kind)]:
        return True
    may_be_new = request.kind != _Kind.SIGN_IN and settings.MAIL_PROVIDER != "outbox"
    return may_be_new and takes_no_mail(request.email.rpartition("@")[2])


def _try_again(request: LinkRequest, *, now: datetime, waits: bool = False) -> None:
    """Put the request back; after the last try only if it ``waits`` for something that is not about its mail."""
    if request.attempts > len(AGAIN_AFTER) and not waits:
        request.delete()
        return
    again = now + AGAIN_AFTER[min(request.attempts, len(AGAIN_AFTER)) - 1]
    LinkRequest.objects.filter(pk=request.pk).update(status=_Status.WAITING, not_before=again)


def _send(mail: _Mail, token: str, request: LinkRequest, mailer: Mailer, now: datetime) -> SendResult:
    name = message_id("link", f"{request.pk}|{request.attempts}")
    mailer.look_up([mail.reader])
    result = mailer.send(
        mail.reader,
        compose(mail.template, link=mail.link, token=token),
        purpose=Purpose.SIGN_IN if mail.link == _Link.SIGN_IN else Purpose.CONFIRMATION,
        message_id=name,
        dated_at=now,
        address=mail.address,
    )
    if mail.link == _Link.CONFIRM and result.status in (SendStatus.ACCEPTED, SendStatus.UNKNOWN):
        consent.record(mail.reader.public_id, ConsentEvent.Kind.ASKED, now=now, reference=name)
    return result


# What answers each kind ----------------------------------------------------------------------------------------------


def _sign_up(request: LinkRequest, now: datetime) -> _Mail | None:
    reader = consent.sign_up(request, now=now) if request.changed_at is None else _known(request.email)
    if reader is None:
        return None
    return _mail("already" if reader.status in consent.ON_THE_LIST else "confirm", reader, now=now)


def _sign_in(request: LinkRequest, now: datetime) -> _Mail | None:
    reader = _known(request.email)
    if reader is None:
        return None
    return _mail("confirm" if reader.status == Subscriber.Status.PENDING else "sign_in", reader, now=now)


def _change_address(request: LinkRequest, now: datetime) -> _Mail | None:
    asked = Subscriber.objects.select_for_update().filter(linkrequest=request, pending_email=request.email)
    if (reader := asked.first()) is None:  # another address was asked for since, or the reader is gone
        return None
    if Suppression.objects.blocking(request.email).exists():
        return None
    if (mail := _mail("change_address", reader, now=now, address=request.email)) is None:
        raise _NotYet
    return mail


_ANSWERS: dict[str, Callable[[LinkRequest, datetime], _Mail | None]] = {
    _Kind.SIGN_UP: _sign_up,
    _Kind.SIGN_IN: _sign_in,
    _Kind.CHANGE_ADDRESS: _change_address,
}


def _known(email: str) -> Subscriber | None:
    if Suppression.objects.blocking(email).exists():
        return None
    return Subscriber.objects.filter(email_key=email_key(email)).first()


def _mail(template: str, reader: Subscriber, *, now: datetime, address: str = "") -> _Mail | None:
    """Return the mail, or None if a quota is used up: the reader's, or that of another reader with the address.

    Raise TooManyConfirmations if too many mails went to unconfirmed addresses.
    """
    link = LINK[template]
    # A change of address right after signing up must pass; use_confirmation limits mails to the new address.
    own = link_quota.CONFIRMATIONS if link == _Link.CONFIRM else link_quota.SIGN_INS
    there = Subscriber.objects.filter(email_key=email_key(address)).exclude(pk=reader.pk) if address else ()
    taken: list[link_quota.QuotaUse] = []
    for kind, one in ((own, reader), *((link_quota.CONFIRMATIONS, other) for other in there)):
        if (part := link_quota.use(kind, one, now=now)) is None:
            for before in taken:
                link_quota.refund(before)
            return None
        taken.append(part)
    counted = () if link == _Link.SIGN_IN else rate_limits.use_confirmation(address or reader.email, now=now)
    return _Mail(reader=reader, address=address, template=template, link=link, taken=tuple(taken), counted=counted)


# The mails -----------------------------------------------------------------------------------------------------------

LINK = {
    "confirm": _Link.CONFIRM,
    "already": _Link.SIGN_IN,
    "sign_in": _Link.SIGN_IN,
    "change_address": _Link.CHANGE_ADDRESS,
}
SUBJECTS = {
    "confirm": _("Confirm your subscription"),
    "already": _("You are already subscribed"),
    "sign_in": _("Your sign-in link"),
    "change_address": _("Confirm your new address"),
}
_PAGES = {_Link.CONFIRM: "confirm", _Link.SIGN_IN: "magic_link", _Link.CHANGE_ADDRESS: "change_address"}


def compose(template: str, *, link: LoginToken.Purpose, token: str) -> RenderedEmail:
    """Render that mail. It contains nothing that a visitor typed, since it may go to somebody who never asked."""
    return render_email(
        template,
        subject=SUBJECTS[template],
        url=f"{settings.SITE_URL}{BEFORE_TOKEN[_PAGES[link]]}{token}",
        lasts=_in_words(LASTS[link]),
        sender_name="Broadsheet",
        site_url=settings.SITE_URL,
        postal_address=settings.POSTAL_ADDRESS,
    )


def _in_words(time_left: timedelta) -> str:
    minutes = int(time_left.total_seconds()) // 60
    said = _("%(minutes)s minutes") if minutes < 120 else _("%(hours)s hours")
    return said % {"minutes": minutes, "hours": minutes // 60}
