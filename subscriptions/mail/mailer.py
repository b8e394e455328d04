"""Send mails by Django's mail API and Anymail's backends. All mail leaves through this module."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Protocol

from django.conf import settings
from django.core.mail import get_connection
from django.db.models import TextChoices

from subscriptions import suppression_key
from subscriptions.mail.classification import classify_error, no_connection
from subscriptions.mail.headers import Headers
from subscriptions.mail.message import EncodedMessage
from subscriptions.mail.outcomes import (
    ACCEPTED,
    REFUSALS,
    SendReason,
    SendResult,
    SendStatus,
    error_text,
)
from subscriptions.mail.providers import IN_TURN, TAKE_MANY, adapt
from subscriptions.mail.rendering import RenderedEmail
from subscriptions.mail.session_history import SessionHistory
from subscriptions.mail.template_cache import JoinedEmail
from subscriptions.models import Subscriber, Suppression
from subscriptions.tokens import sender_of

logger = logging.getLogger(__name__)

_NOT_TRIED = SendResult(SendStatus.NOT_TRIED)
TEST = "[PREVIEW] "  # prefix of a test mail's subject


class Purpose(TextChoices):
    DIGEST = "digest"
    CONFIRMATION = "confirmation"  # a link that proves an address
    SIGN_IN = "sign_in"


@dataclass(frozen=True, slots=True)
class Pace:
    """The pace of sending: the first mail after ``wait`` seconds, then one every ``gap`` seconds."""

    wait: float = 0.0
    gap: float = 0.0


class Journal(Protocol):
    """A record of the mails on the wire, which outlives the process."""

    def begin(self, references: Sequence[str]) -> bool:
        """Write that these mails are about to leave; return False if they must not."""

    def answer(self, reference: str, result: SendResult, *, more: bool = False) -> None:
        """Write what became of a mail, with ``more`` together with what is written next."""

    def flush(self) -> None:
        """Write the answers that wait for more."""


class Mailer:
    """Connections that are kept for many mails, and a cache of suppressions.

    For providers with an HTTP API up to ``at_once`` mails are sent in parallel, each on its own connection.
    ``history`` is what is known of a mail server's answers to other mailers.
    """

    def __init__(self, *, at_once: int = 1, history: SessionHistory | None = None) -> None:
        self._connections: SimpleQueue[Any] = SimpleQueue()
        self._count = 1 if settings.MAIL_PROVIDER in IN_TURN else at_once
        for _ in range(self._count):
            self._connections.put(get_connection())
        self._takes_many = settings.MAIL_PROVIDER in TAKE_MANY
        self._preparing: Any = get_connection() if self._takes_many else None  # is never opened
        self._pool = ThreadPoolExecutor(self._count, "mailer") if self._count > 1 else None
        # Over one connection the mails leave in order, so that a row of equal answers tells something.
        self._history = (history or SessionHistory()) if settings.MAIL_PROVIDER in IN_TURN else None
        self._following: EncodedMessage | None = None  # what leaves next over the one connection
        self._looked_up: dict[int, bool] = {}  # reader -> suppressed

    def __enter__(self) -> Mailer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
        for _ in range(self._count):
            self._connections.get().close()

    def look_up(self, subscribers: Iterable[Subscriber]) -> set[int]:
        """Look up and remember which of these readers are suppressed; return their ids. One query."""
        readers = list(subscribers)
        blocked = Suppression.objects.blocked(readers)
        self._looked_up = {reader.id: reader.id in blocked for reader in readers}
        return blocked

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
    ) -> SendResult:
        """Send one mail, in one try; errors of the server or provider are returned, never raised.

        ``issue_date`` is a digest's day, if not that of ``dated_at``. ``address`` replaces the reader's own, for an
        address that they have not confirmed yet.
        """
        message = self.encode(
            subscriber,
            email,
            purpose=purpose,
            message_id=message_id,
            dated_at=dated_at,
            issue_date=issue_date,
            address=address,
        )
        return message if isinstance(message, SendResult) else self._send(message)

    def send_to_staff(
        self, email: RenderedEmail | JoinedEmail, *, address: str, message_id: str, dated_at: datetime
    ) -> SendResult:
        """Send a test mail, in one try: its subject says so, and its headers name no list and no reader."""
        if fault := suppression_key.fault():
            return SendResult(SendStatus.REFUSED, fault)
        if refusal := _refusal_of(address):
            return SendResult(SendStatus.REFUSED, reason=refusal)
        test = RenderedEmail(f"{TEST}{email.subject}", email.text, email.html)
        try:
            message = message_to(Subscriber(email=address), test, message_id=message_id, dated_at=dated_at)
        except ValueError as error:
            return SendResult(SendStatus.FAILED, error_text(error), answer="message", reason=SendReason.MESSAGE_ERROR)
        return self._send(message)

    def encode(
        self,
        subscriber: Subscriber,
        email: RenderedEmail | JoinedEmail,
        *,
        purpose: Purpose,
        message_id: str,
        dated_at: datetime,
        issue_date: date | None = None,
        announcement: int = 0,
        address: str = "",
    ) -> EncodedMessage | SendResult:
        """Return the encoded mail, or a result that says why it cannot be sent; the arguments are those of ``send``.

        ``announcement`` is the number of a mail to readers that is no digest.
        """
        if refusal := self._refusal(subscriber, purpose, address):
            return SendResult(SendStatus.REFUSED, reason=refusal)
        try:
            return message_to(
                subscriber,
                email,
                message_id=message_id,
                dated_at=dated_at,
                issue_date=(issue_date or dated_at.date()) if purpose == Purpose.DIGEST and not announcement else None,
                announcement=announcement,
                address=address,
            )
        except Exception as error:  # an address or text that cannot be encoded; nothing was sent
            logger.warning("A mail could not be encoded: %s", error_text(error))
            return SendResult(SendStatus.FAILED, error_text(error), answer="message", reason=SendReason.MESSAGE_ERROR)

    def prepare(self, message: EncodedMessage) -> None:
        """Make of a mail what a request for many takes, so that it need not be made when the mail leaves."""
        if self._preparing:
            self._preparing.prepare(message)

    def send_batch(
        self,
        messages: Sequence[EncodedMessage],
        *,
        pace: Pace | None = None,
        in_time: Callable[[], bool] = lambda: True,
        journal: Journal | None = None,
        together: bool = True,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> list[SendResult]:
        """Send these mails, each in one try; return their results in the same order.

        They go in one request where the provider takes many, unless ``together`` is False. ``meanwhile`` is called
        while a provider's answers are awaited, and must not fail.

        As soon as ``in_time`` returns False, or the server gives all the same refusal, the rest is NOT_TRIED. Errors of
        the server are returned, never raised.
        """
        pace = pace or Pace()
        begin = time.monotonic() + pace.wait

        def at_its_time(numbered: tuple[int, EncodedMessage]) -> SendResult:
            number, message = numbered
            if (early := begin + number * pace.gap - time.monotonic()) > 0:
                time.sleep(early)
            return self._send(message, journal) if in_time() else _NOT_TRIED

        if together and len(messages) > 1 and self._takes_many:
            time.sleep(pace.wait)
            if not in_time():
                return [_NOT_TRIED] * len(messages)
            if not self._pool:
                return self._send_together(messages, journal)
            sent = self._pool.submit(self._send_together, messages, journal)
            meanwhile()
            return sent.result()
        if self._pool:
            answers = self._pool.map(at_its_time, enumerate(messages))
            meanwhile()
            return list(answers)
        if self._history is None:
            return list(map(at_its_time, enumerate(messages)))
        results: list[SendResult] = []
        for numbered in enumerate(messages):
            following = numbered[0] + 1
            self._following = messages[following] if following < len(messages) and not pace.gap else None
            if results and self._history.is_hopeless:
                results.append(_NOT_TRIED)
                continue
            results.append(at_its_time(numbered))
            self._history.add(results[-1])
        if journal:
            journal.flush()  # the last one may have waited for a mail that was not tried
        return self._history.judge(results)

    def _send(self, message: EncodedMessage, journal: Journal | None = None) -> SendResult:
        connection = self._connections.get()
        try:
            try:
                connection.open()
            except Exception as error:  # nothing was handed over yet
                return no_connection(error)
            if journal and not journal.begin([message.reference]):
                return _NOT_TRIED
            connection.following = self._following
            result = _hand_over(connection, message)
            if journal:
                # the content of a mail that was announced follows at once
                journal.answer(message.reference, result, more=getattr(connection, "has_announced", False))
            return result
        finally:
            self._connections.put(connection)

    def _send_together(self, messages: Sequence[EncodedMessage], journal: Journal | None) -> list[SendResult]:
        """Send these mails in one request: what is not told of each is the same for all of them."""
        connection = self._connections.get()
        try:
            try:
                connection.open()
            except Exception as error:  # nothing was handed over yet
                return [no_connection(error)] * len(messages)
            if journal and not journal.begin([message.reference for message in messages]):
                return [_NOT_TRIED] * len(messages)
            found = connection.send_together(messages)
            results = [
                _taken(one) if error is None else classify_error(error)
                for one, error in zip(messages, found, strict=True)
            ]
            if journal:
                for message, result in zip(messages, results, strict=True):
                    journal.answer(message.reference, result, more=True)
                journal.flush()
            if any(result.status == SendStatus.UNKNOWN for result in results):
                connection.close()
            return results
        finally:
            self._connections.put(connection)

    def _refusal(self, subscriber: Subscriber, purpose: Purpose, address: str) -> SendReason:
        if not address and subscriber.id not in self._looked_up:
            self.look_up([subscriber])
        if Suppression.objects.blocking(address).exists() if address else self._looked_up[subscriber.id]:
            return SendReason.SUPPRESSED
        if subscriber.confirmed_at is None and purpose != Purpose.CONFIRMATION:
            return SendReason.NOT_CONFIRMED
        return _refusal_of_invented(address or subscriber.email)


def _refusal_of(address: str) -> SendReason:
    """Return why no mail may go to an address that is not a reader's, or NONE."""
    if Suppression.objects.blocking(address).exists():
        return SendReason.SUPPRESSED
    return _refusal_of_invented(address)


def _refusal_of_invented(address: str) -> SendReason:
    if address.endswith(".invalid") and settings.MAIL_PROVIDER != "outbox":
        return SendReason.DEMO_READER
    return SendReason.NONE


def _hand_over(connection: Any, message: EncodedMessage) -> SendResult:
    try:
        connection.send_messages([message])
    except Exception as error:  # the mail may have left: classify the error
        if not isinstance(error, REFUSALS):  # after a refusal the backend keeps what the server keeps open
            connection.close()
        return classify_error(error)
    return _taken(message)


def _taken(message: EncodedMessage) -> SendResult:
    """Return the result of a mail for which the backend raised nothing."""
    if (status := getattr(message, "anymail_status", None)) is None:
        return ACCEPTED
    # Anymail 15.2 gives a set where the answer has another spelling of the recipient: of a domain that is not ASCII
    numbers = getattr(status, "message_id", None)
    theirs = str(next(filter(None, numbers), "") if isinstance(numbers, set) else numbers or "")
    words = getattr(status, "status", None) or set()
    if words == {"failed"}:  # Mailjet's HTTP status 400, for which Anymail does not raise
        reason = SendReason.REFUSED_BY_PROVIDER
        return SendResult(SendStatus.FAILED, provider_message_id=theirs, answer="failed", reason=reason)
    if words and words <= {"rejected", "invalid"}:
        reason = SendReason.NO_SUCH_ADDRESS
        return SendResult(SendStatus.NO_SUCH_ADDRESS, provider_message_id=theirs, answer="refused", reason=reason)
    if words == {"unknown"}:
        reason = SendReason.NO_ANSWER
        return SendResult(SendStatus.UNKNOWN, provider_message_id=theirs, answer="unknown", reason=reason)
    return SendResult(SendStatus.ACCEPTED, provider_message_id=theirs)


def message_to(
    subscriber: Subscriber,
    email: RenderedEmail | JoinedEmail,
    *,
    message_id: str,
    dated_at: datetime,
    issue_date: date | None = None,
    announcement: int = 0,
    address: str = "",
) -> EncodedMessage:
    """Encode a mail, a digest if it has an ``issue_date``, an announcement if it has its number.

    The same arguments give the same octets.

    Raise ValueError for what cannot be encoded.
    """
    kind = "digest" if issue_date or announcement else "link"
    sender, address = sender_of(kind), address or subscriber.email
    headers = Headers(subscriber, email.subject, sender, address, message_id, dated_at, issue_date, announcement)
    message = EncodedMessage(email, headers)
    adapt(message, settings.MAIL_PROVIDER, reference=message_id.strip("<>").partition("@")[0], tag=kind)
    return message
