"""The one door mail leaves by: Django's mail API, and Anymail's backends behind it."""

from __future__ import annotations

import logging
import re
import smtplib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import TracebackType

from anymail.exceptions import (
    AnymailAPIError,
    AnymailConfigurationError,
    AnymailError,
    AnymailRecipientsRefused,
)
from django.conf import settings
from django.core.mail import get_connection
from django.db.models import TextChoices

from subscriptions.headers import headers_of
from subscriptions.letter import Letter
from subscriptions.links import sender_of
from subscriptions.models import Subscriber, Suppression
from subscriptions.prepared import JoinedEmail
from subscriptions.providers import adapt
from subscriptions.rendering import RenderedEmail

logger = logging.getLogger(__name__)

ADDRESS_IS_GONE = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")


class Purpose(TextChoices):
    DIGEST = "digest"
    CONFIRMATION = "confirmation"  # a link that proves an address
    SIGN_IN = "sign_in"


class Fate(StrEnum):
    """What became of a message, as far as it can be known (SENDING.md section e)."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # by this door, before anything was tried
    LATER = "later"  # surely not taken; another try may work
    FAILED = "failed"  # surely not taken; another try would fail too
    NO_SUCH_ADDRESS = "no such address"
    UNKNOWN = "unknown"  # may have left: never sent again


@dataclass(frozen=True, slots=True)
class Handover:
    fate: Fate
    detail: str = ""  # one sentence, without the address
    provider_message_id: str = ""


class Door:
    """One connection for many mails; suppressions are looked up for many readers at once, or one by one."""

    def __init__(self) -> None:
        self._connection = get_connection()
        self._looked_up: dict[int, bool] = {}  # reader -> suppressed

    def __enter__(self) -> Door:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def look_up(self, subscribers: Iterable[Subscriber]) -> None:
        """See which of these readers are suppressed: one query, good until the next look."""
        readers = list(subscribers)
        blocked = Suppression.objects.blocked(readers)
        self._looked_up = {reader.pk: reader.pk in blocked for reader in readers}

    def send(
        self,
        subscriber: Subscriber,
        email: RenderedEmail | JoinedEmail,
        *,
        purpose: Purpose,
        message_id: str,
        dated_at: datetime,
        issue_date: date | None = None,
        address: str = "",
    ) -> Handover:
        """Hand one mail over, once; never raises for what a server or provider answers.

        ``issue_date`` is a digest's day, if not that of ``dated_at``. ``address`` is where it goes if not to the
        reader's own: an address that is yet to be theirs.
        """
        if refusal := self._refusal(subscriber, purpose, address):
            return Handover(Fate.REFUSED, refusal)
        try:
            message = letter_to(
                subscriber,
                email,
                message_id=message_id,
                dated_at=dated_at,
                issue_date=(issue_date or dated_at.date()) if purpose == Purpose.DIGEST else None,
                address=address,
            )
        except Exception as error:  # an address or a word that no mail can hold: nothing was handed to anybody
            logger.warning("A mail could not be written: %s", _said(error))
            return Handover(Fate.FAILED, f"The mail could not be written: {_said(error)}")
        try:
            self._connection.open()
        except (AnymailConfigurationError, smtplib.SMTPException, OSError) as error:
            return Handover(Fate.LATER, f"No connection to the mail server: {_said(error)}")
        message.connection = self._connection
        try:
            message.send()
        except Exception as error:  # whatever happened, what is known of it goes into the row
            self._connection.close()
            return _fate_of(error)
        status = getattr(message, "anymail_status", None)
        if getattr(status, "status", None) == {"failed"}:  # Mailjet's answer with status 400, for which nobody raises
            return Handover(Fate.FAILED, "The mail provider did not take this message.")
        return Handover(Fate.ACCEPTED, provider_message_id=str(getattr(status, "message_id", None) or ""))

    def _refusal(self, subscriber: Subscriber, purpose: Purpose, address: str) -> str:
        if not address and subscriber.pk not in self._looked_up:
            self.look_up([subscriber])
        if Suppression.objects.blocking(address).exists() if address else self._looked_up[subscriber.pk]:
            return "Mail to this address is suppressed."
        if subscriber.confirmed_at is None and purpose != Purpose.CONFIRMATION:
            return "The address was never confirmed."
        if (address or subscriber.email).endswith(".invalid") and settings.MAIL_PROVIDER != "outbox":
            return "A demonstration reader gets mail in the outbox only."
        return ""


def letter_to(
    subscriber: Subscriber,
    email: RenderedEmail | JoinedEmail,
    *,
    message_id: str,
    dated_at: datetime,
    issue_date: date | None = None,
    address: str = "",
) -> Letter:
    """A mail that can be handed over, a digest if it has an ``issue_date``; the same arguments give the same octets.

    Raises ValueError for what cannot be written.
    """
    kind = "digest" if issue_date else "link"
    sender, address = sender_of(kind), address or subscriber.email
    headers = headers_of(
        subscriber,
        email.subject,
        sender=sender,
        address=address,
        message_id=message_id,
        dated_at=dated_at,
        issue_date=issue_date,
    )
    letter = Letter(email, headers, sender=sender, address=address)
    adapt(letter, settings.MAIL_PROVIDER, reference=message_id.strip("<>").partition("@")[0], tag=kind)
    return letter


def _fate_of(error: Exception) -> Handover:
    match error:
        case smtplib.SMTPRecipientsRefused():
            answers = [(code, _text(text)) for code, text in error.recipients.values()]
            said = "; ".join(f"{code} {text}" for code, text in answers)[:200]
            if all(400 <= code < 500 for code, _ in answers):
                return Handover(Fate.LATER, f"The mail server asks for patience: {said}")
            gone = any(text.startswith(status + " ") for _, text in answers for status in ADDRESS_IS_GONE)
            return Handover(Fate.NO_SUCH_ADDRESS if gone else Fate.FAILED, f"The mail server refused: {said}")
        case smtplib.SMTPAuthenticationError():
            return Handover(Fate.LATER, f"The mail server does not accept our log-in: {_said(error)}")
        case smtplib.SMTPResponseException() if error.smtp_code // 100 == 2:
            return Handover(Fate.ACCEPTED, _said(error))  # smtplib raises for 252 too
        case smtplib.SMTPResponseException():
            fate = Fate.LATER if error.smtp_code // 100 == 4 else Fate.FAILED
            return Handover(fate, f"The mail server refused: {_said(error)}")
        case AnymailRecipientsRefused():
            return Handover(Fate.NO_SUCH_ADDRESS, "The mail provider refused the address.")
        case AnymailConfigurationError():
            return Handover(Fate.LATER, f"The mail provider is not set up: {_said(error)}")
        case (
            AnymailAPIError(status_code=401 | 403 | 429 as code)
            | AnymailAPIError(response={"ResponseMetadata": {"HTTPStatusCode": 401 | 403 | 429 as code}})
        ):
            return Handover(Fate.LATER, f"The mail provider answered {code}.")
        case (
            AnymailAPIError(status_code=int(code))
            | AnymailAPIError(response={"ResponseMetadata": {"HTTPStatusCode": int(code)}})  # Amazon's
        ) if 400 <= code < 500:
            return Handover(Fate.FAILED, f"The mail provider answered {code}: {_said(error)}")
        case AnymailError() if not isinstance(error, AnymailAPIError):
            return Handover(Fate.FAILED, f"The mail provider cannot take this message: {_said(error)}")
    return Handover(Fate.UNKNOWN, f"It is not known whether the mail left: {_said(error)}")


def _said(error: Exception) -> str:
    lines = str(error).splitlines()
    return _text(lines[0] if lines else type(error).__name__)[:200]


def _text(answer: bytes | str) -> str:
    """What a server said, without the addresses it repeats: rows outlive the reader's erasure."""
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    return re.sub(r"\S+@\S+", "(address)", text)
