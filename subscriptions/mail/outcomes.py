"""Define what can become of a mail, and say it in words (see ``docs/sending.md``)."""

from __future__ import annotations

import re
import smtplib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

# Errors of Anymail about settings, and of botocore without credentials to sign the request, so that it was never sent;
# InvalidHeader is of requests, for a key with a line break. By their names, so that a worker which sends by SMTP need
# not import these packages.
_NOT_SET_UP = frozenset(
    "AnymailConfigurationError AnymailImproperlyInstalled "
    "NoCredentialsError PartialCredentialsError CredentialRetrievalError UnknownCredentialError ProfileNotFound "
    "ConfigNotFound ConfigParseError InvalidConfigError NoRegionError InvalidRegionError MetadataRetrievalError "
    "NoAuthTokenError TokenRetrievalError SSOTokenLoadError UnauthorizedSSOTokenError LoginTokenLoadError "
    "InvalidHeader".split()
)


class SendStatus(StrEnum):
    ACCEPTED = "accepted"
    REFUSED = "refused"  # by our own rules, before any try
    NOT_TRIED = "not tried"  # no time was left
    LATER = "later"  # surely not accepted; another try may work
    FAILED = "failed"  # surely not accepted; another try would fail too
    NO_SUCH_ADDRESS = "no such address"
    UNKNOWN = "unknown"  # may have left


class Scope(StrEnum):
    """The scope of a failure: what it means for all other mails."""

    NONE = ""
    OURS = "ours"  # a log-in or a setting: every other mail would fail too
    UNREACHABLE = "unreachable"
    TOO_FAST = "too fast"


class SendReason(StrEnum):
    """Reasons why a mail ended with its status."""

    NONE = ""
    SUPPRESSED = "suppressed"
    NOT_CONFIRMED = "not_confirmed"
    DEMO_READER = "demo_reader"
    COMPOSE_ERROR = "compose_error"
    MESSAGE_ERROR = "message_error"
    NO_CONNECTION = "no_connection"
    NOT_SET_UP = "not_set_up"
    LOGIN_REFUSED = "login_refused"
    SETUP_REFUSED = "setup_refused"
    DEFERRED = "deferred"
    TOO_FAST = "too_fast"
    MAILBOX_FULL = "mailbox_full"
    ACCOUNT_REFUSED = "account_refused"
    NO_SUCH_ADDRESS = "no_such_address"
    REFUSED_BY_SERVER = "refused_by_server"
    REFUSED_BY_PROVIDER = "refused_by_provider"
    PROVIDER_ERROR = "provider_error"
    NO_ANSWER = "no_answer"


# Texts for the staff; ``detail`` follows if there is one.
REASON_TEXTS = {
    SendReason.SUPPRESSED: "Mail to this address is suppressed.",
    SendReason.NOT_CONFIRMED: "The address was never confirmed.",
    SendReason.DEMO_READER: "A demonstration reader gets mail in the outbox only.",
    SendReason.COMPOSE_ERROR: "The mail could not be composed; the service’s log says why.",
    SendReason.MESSAGE_ERROR: "The mail could not be encoded.",
    SendReason.NO_CONNECTION: "There was no connection to the mail server or provider.",
    SendReason.NOT_SET_UP: "The mail provider is not set up.",
    SendReason.LOGIN_REFUSED: "The mail server does not accept our log-in.",
    SendReason.SETUP_REFUSED: "The mail server refuses how we connect or who we are.",
    SendReason.DEFERRED: "The mail server asks us to try again later.",
    SendReason.TOO_FAST: "The mail server or provider says that we send too fast.",
    SendReason.MAILBOX_FULL: "The mailbox is full.",
    SendReason.ACCOUNT_REFUSED: "The mail provider refuses our account or sending domain.",
    SendReason.NO_SUCH_ADDRESS: "The address does not exist.",
    SendReason.REFUSED_BY_SERVER: "The mail server refused the mail.",
    SendReason.REFUSED_BY_PROVIDER: "The mail provider refused the mail.",
    SendReason.PROVIDER_ERROR: "The mail provider failed; it is not known whether the mail left.",
    SendReason.NO_ANSWER: "It is not known whether the mail left.",
}


@dataclass(frozen=True, slots=True)
class SendResult:
    """The result of one mail. ``detail`` is the text of the server or the error, without the address.

    ``answer`` is a short code: an SMTP status (``5.1.1``, ``451``), an HTTP status, or ``no answer``.
    ``retry_after`` is how long the provider asks us to wait.
    """

    status: SendStatus
    detail: str = ""
    provider_message_id: str = ""
    answer: str = ""
    scope: Scope = Scope.NONE
    retry_after: timedelta | None = None
    reason: SendReason = SendReason.NONE

    @property
    def text(self) -> str:
        """Return the reason as a sentence, then the detail."""
        return with_detail(REASON_TEXTS.get(self.reason, ""), self.detail)


ACCEPTED = SendResult(SendStatus.ACCEPTED)


def with_detail(sentence: str, detail: str) -> str:
    """Append a detail to a sentence: ``The mail server refused the mail (550 5.7.1 no).``"""
    if not sentence or not detail:
        return sentence or detail
    return f"{sentence.removesuffix('.')} ({detail.removesuffix('.')})."


class NothingSent(smtplib.SMTPServerDisconnected):
    """Raised when the connection to the mail server broke before a byte of the mail had left."""


class DataRefused(smtplib.SMTPDataError):
    """Raised when the server did not answer DATA with 354, so that no byte of the mail had left."""


REFUSALS = (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)  # answers; any other error is none


def unreachable(detail: str = "") -> SendResult:
    """Return the result of a mail for which nobody was there."""
    return SendResult(
        SendStatus.LATER,
        detail,
        answer="no connection",
        scope=Scope.UNREACHABLE,
        reason=SendReason.NO_CONNECTION,
    )


def not_set_up(error: Exception) -> SendResult:
    """Return the result of a mail that did not leave for a missing setting or log-in."""
    return SendResult(
        SendStatus.LATER, error_text(error), answer="set-up", scope=Scope.OURS, reason=SendReason.NOT_SET_UP
    )


def is_not_set_up(error: Exception) -> bool:
    """Return whether a setting or a log-in is missing, so that nothing was sent."""
    return any(type(cause).__name__ in _NOT_SET_UP for cause in causes(error))


def causes(error: BaseException) -> list[BaseException]:
    """Return the error, its causes, and errors in their arguments, where urllib3 keeps the reason; at most 20."""
    found: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting and len(found) < 20:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [one.__cause__ or one.__context__, getattr(one, "reason", None), *one.args]
    return found


def error_text(error: Exception) -> str:
    """Return the first line of an error's text."""
    lines = str(error).splitlines()
    return without_addresses(lines[0] if lines else type(error).__name__)[:200]


def without_addresses(answer: str) -> str:
    """Return a server's answer without addresses, since rows stay after the reader's erasure."""
    return re.sub(r"\S+@\S+", "(address)", answer).replace("\0", "")  # PostgreSQL cannot store NUL
