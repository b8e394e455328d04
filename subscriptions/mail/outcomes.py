"""Classify answers and errors of mail servers and providers (see ``docs/sending.md``)."""

from __future__ import annotations

import re
import smtplib
import ssl
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

from anymail.exceptions import (
    AnymailAPIError,
    AnymailConfigurationError,
    AnymailError,
    AnymailRecipientsRefused,
)

from subscriptions.mail.refusals import Refusal, Stage, classify_refusal

LONGEST_WAIT = timedelta(hours=24)  # limit on a provider's Retry-After
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?= |$)")  # RFC 3463
# Errors of requests and botocore: no connection was made, so nothing can have left.
_NEVER_CONNECTED = frozenset(
    "ConnectTimeout NewConnectionError NameResolutionError EndpointConnectionError ConnectTimeoutError".split()
)
# Errors of botocore without credentials to sign the request, so that it was never sent; InvalidHeader is of requests,
# for a key with a line break.
_NO_LOG_IN = frozenset(
    "NoCredentialsError PartialCredentialsError CredentialRetrievalError UnknownCredentialError ProfileNotFound "
    "ConfigNotFound ConfigParseError InvalidConfigError NoRegionError InvalidRegionError MetadataRetrievalError "
    "NoAuthTokenError TokenRetrievalError SSOTokenLoadError UnauthorizedSSOTokenError LoginTokenLoadError "
    "InvalidHeader".split()
)
# Amazon's errors about the account or the sending domain, with status 400
_NOT_OF_THE_MAIL = ("AccountSuspendedException", "SendingPausedException", "MailFromDomainNotVerifiedException")


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


def with_detail(sentence: str, detail: str) -> str:
    """Append a detail to a sentence: ``The mail server refused the mail (550 5.7.1 no).``"""
    if not sentence or not detail:
        return sentence or detail
    return f"{sentence.removesuffix('.')} ({detail.removesuffix('.')})."


# What a refusal in the words of a mail server means for the mail and for all others.
_BY_REFUSAL = {
    Refusal.DEAD_ADDRESS: (SendStatus.NO_SUCH_ADDRESS, Scope.NONE, SendReason.NO_SUCH_ADDRESS),
    Refusal.REFUSED: (SendStatus.FAILED, Scope.NONE, SendReason.REFUSED_BY_SERVER),
    Refusal.SETUP: (SendStatus.LATER, Scope.OURS, SendReason.SETUP_REFUSED),
    # of this mail only, until the mailer finds the pattern (subscriptions/mail/session_history.py)
    Refusal.TOO_FAST: (SendStatus.LATER, Scope.NONE, SendReason.TOO_FAST),
    Refusal.MAILBOX_FULL: (SendStatus.LATER, Scope.NONE, SendReason.MAILBOX_FULL),
    Refusal.DEFERRED: (SendStatus.LATER, Scope.NONE, SendReason.DEFERRED),
}


class NothingSent(smtplib.SMTPServerDisconnected):
    """Raised when the connection to the mail server broke before a byte of the mail had left."""


class DataRefused(smtplib.SMTPDataError):
    """Raised when the server did not answer DATA with 354, so that no byte of the mail had left."""


REFUSALS = (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)  # answers; any other error is none


def classify_error(error: Exception) -> SendResult:
    """Return the result of a mail after this error; UNKNOWN if the mail may have left."""
    match error:
        case NothingSent() | smtplib.SMTPConnectError():
            return _unreachable(error_text(error))
        case smtplib.SMTPResponseException() | smtplib.SMTPRecipientsRefused():
            return _answered(error)
        case AnymailRecipientsRefused():
            return SendResult(SendStatus.NO_SUCH_ADDRESS, answer="refused", reason=SendReason.NO_SUCH_ADDRESS)
        case (
            AnymailConfigurationError() | smtplib.SMTPNotSupportedError()
        ):  # the latter: no STARTTLS or AUTH is offered
            return _not_set_up(error)
        case AnymailAPIError():
            return _answered_by_http(error)
        case AnymailError():
            detail = error_text(error)
            return SendResult(SendStatus.FAILED, detail, answer="message", reason=SendReason.MESSAGE_ERROR)
    return SendResult(SendStatus.UNKNOWN, error_text(error), answer="no answer", reason=SendReason.NO_ANSWER)


def no_connection(error: Exception) -> SendResult:
    """Return the result of a mail for which no session was opened: no connection, or EHLO, STARTTLS or AUTH refused."""
    if isinstance(error, (*REFUSALS, smtplib.SMTPNotSupportedError, AnymailConfigurationError)):
        return classify_error(error)
    return _not_set_up(error) if _has_no_log_in(error) else _unreachable(error_text(error))


def _unreachable(detail: str = "") -> SendResult:
    return SendResult(
        SendStatus.LATER,
        detail,
        answer="no connection",
        scope=Scope.UNREACHABLE,
        reason=SendReason.NO_CONNECTION,
    )


def _not_set_up(error: Exception) -> SendResult:
    return SendResult(
        SendStatus.LATER, error_text(error), answer="set-up", scope=Scope.OURS, reason=SendReason.NOT_SET_UP
    )


def _has_no_log_in(error: Exception) -> bool:
    return any(type(cause).__name__ in _NO_LOG_IN for cause in _causes(error))


def _answered(error: smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused) -> SendResult:
    """Classify an answer of a mail server (SMTP)."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        ((code, text),) = [(code, _decode(text)) for code, text in error.recipients.values()][:1]
    else:
        code, text = error.smtp_code, _decode(error.smtp_error)
    stage = _stage_of(error)
    enhanced = found[0] if (found := _STATUS.match(text)) else ""
    answer, detail = enhanced or str(code), _text(f"{code} {text}")[:200]
    if stage == Stage.HELLO and code == 421:  # the server is closing
        return _unreachable(detail)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return SendResult(SendStatus.LATER, detail, answer=answer, scope=Scope.OURS, reason=SendReason.LOGIN_REFUSED)
    if stage == Stage.END and code // 100 == 2:
        return SendResult(SendStatus.ACCEPTED, detail, answer=answer)  # smtplib raises for all but 250
    if code // 100 in (4, 5) or stage == Stage.HELLO:
        status, scope, reason = _BY_REFUSAL[classify_refusal(code, enhanced, text, stage=stage)]
        return SendResult(status, detail, answer=answer, scope=scope, reason=reason)
    if stage == Stage.END:  # not a valid answer
        return SendResult(SendStatus.UNKNOWN, detail, answer="no answer", reason=SendReason.NO_ANSWER)
    return SendResult(SendStatus.LATER, detail, answer=answer, reason=SendReason.DEFERRED)


def _stage_of(error: Exception) -> Stage:
    match error:
        case smtplib.SMTPSenderRefused():
            return Stage.SENDER
        case smtplib.SMTPRecipientsRefused():
            return Stage.RECIPIENT
        case DataRefused():
            return Stage.DATA
        case smtplib.SMTPDataError():
            return Stage.END
    return Stage.HELLO


def _answered_by_http(error: AnymailAPIError) -> SendResult:
    code = _http_status(error)
    if code is None:
        if _has_no_log_in(error):
            return _not_set_up(error)
        if _never_connected(error):
            return _unreachable()
        return SendResult(SendStatus.UNKNOWN, error_text(error), answer="no answer", reason=SendReason.NO_ANSWER)
    answer, detail = str(code), f"answer {code}"
    if code in (401, 403, 420) or _code_of_amazon(error) in _NOT_OF_THE_MAIL:  # 420: SparkPost's quota is used up
        return SendResult(SendStatus.LATER, detail, answer=answer, scope=Scope.OURS, reason=SendReason.ACCOUNT_REFUSED)
    if code == 429 or _code_of_amazon(error) in ("ThrottlingException", "Throttling", "TooManyRequestsException"):
        return SendResult(
            SendStatus.LATER,
            detail,
            answer=answer,
            scope=Scope.TOO_FAST,
            retry_after=_retry_after(error),
            reason=SendReason.TOO_FAST,
        )
    if 400 <= code < 500 and code not in (408, 409):  # 409: another request with this key is running
        detail = f"{detail}: {error_text(error)}"
        return SendResult(SendStatus.FAILED, detail, answer=answer, reason=SendReason.REFUSED_BY_PROVIDER)
    return SendResult(SendStatus.UNKNOWN, detail, answer=answer, reason=SendReason.PROVIDER_ERROR)


def _http_status(error: AnymailAPIError) -> int | None:
    response: Any = error.response
    if isinstance(response, dict):  # Amazon's
        return response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return error.status_code


def _code_of_amazon(error: AnymailAPIError) -> str:
    response: Any = error.response
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _retry_after(error: AnymailAPIError) -> timedelta | None:
    """Parse Retry-After: seconds, or a date by the provider's own clock (RFC 9110 section 10.2.3)."""
    headers = getattr(error.response, "headers", None) or {}
    given = str(headers.get("Retry-After", "")).strip()
    try:
        if given.isascii() and given.isdecimal():
            wait = timedelta(seconds=int(given))
        else:
            theirs = parsedate_to_datetime(headers.get("Date", "")) if headers.get("Date") else datetime.now(UTC)
            wait = parsedate_to_datetime(given) - theirs
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, timedelta()), LONGEST_WAIT)


def _never_connected(error: Exception) -> bool:
    return any(type(cause).__name__ in _NEVER_CONNECTED or _broke_in_handshake(cause) for cause in _causes(error))


def _broke_in_handshake(error: BaseException) -> bool:
    """Return whether TLS failed in its handshake; if it fails later, the mail may have arrived."""
    if not isinstance(error, ssl.SSLError):
        return False
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_code.co_name == "do_handshake" for frame, _ in frames)


def _causes(error: BaseException) -> list[BaseException]:
    """Return the error, its causes, and errors in their arguments, where urllib3 keeps the reason; at most 20."""
    causes: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting and len(causes) < 20:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in causes:
            causes.append(one)
            waiting += [one.__cause__ or one.__context__, getattr(one, "reason", None), *one.args]
    return causes


def error_text(error: Exception) -> str:
    """Return the first line of an error's text."""
    lines = str(error).splitlines()
    return _text(lines[0] if lines else type(error).__name__)[:200]


def _decode(answer: bytes | str) -> str:
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer


def _text(answer: str) -> str:
    """Return a server's answer without addresses, since rows stay after the reader's erasure."""
    return re.sub(r"\S+@\S+", "(address)", answer).replace("\0", "")  # PostgreSQL cannot store NUL
