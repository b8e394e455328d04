"""Classify errors of mail providers' interfaces, as Anymail raises them (see ``docs/sending.md``)."""

from __future__ import annotations

import ssl
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from anymail.exceptions import (
    AnymailAPIError,
    AnymailConfigurationError,
    AnymailError,
    AnymailRecipientsRefused,
)

from subscriptions.mail.outcomes import (
    Scope,
    SendReason,
    SendResult,
    SendStatus,
    causes,
    error_text,
    is_not_set_up,
    not_set_up,
    unreachable,
)

LONGEST_WAIT = timedelta(hours=24)  # limit on a provider's Retry-After
# Errors of requests and botocore: no connection was made, so nothing can have left.
_NEVER_CONNECTED = frozenset(
    "ConnectTimeout NewConnectionError NameResolutionError EndpointConnectionError ConnectTimeoutError".split()
)
# Amazon's errors about the account or the sending domain, with status 400
_NOT_OF_THE_MAIL = ("AccountSuspendedException", "SendingPausedException", "MailFromDomainNotVerifiedException")


def classify_provider_error(error: Exception) -> SendResult | None:
    """Return the result of a mail after an error of Anymail, None for any other; UNKNOWN if the mail may have left."""
    match error:
        case AnymailRecipientsRefused():
            return SendResult(SendStatus.NO_SUCH_ADDRESS, answer="refused", reason=SendReason.NO_SUCH_ADDRESS)
        case AnymailConfigurationError():
            return not_set_up(error)
        case AnymailAPIError():
            return _answered_by_http(error)
        case AnymailError():
            detail = error_text(error)
            return SendResult(SendStatus.FAILED, detail, answer="message", reason=SendReason.MESSAGE_ERROR)
    return None


def _answered_by_http(error: AnymailAPIError) -> SendResult:
    code = _http_status(error)
    if code is None:
        if is_not_set_up(error):
            return not_set_up(error)
        if _never_connected(error):
            return unreachable()
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
    return any(type(cause).__name__ in _NEVER_CONNECTED or _broke_in_handshake(cause) for cause in causes(error))


def _broke_in_handshake(error: BaseException) -> bool:
    """Return whether TLS failed in its handshake; if it fails later, the mail may have arrived."""
    if not isinstance(error, ssl.SSLError):
        return False
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_code.co_name == "do_handshake" for frame, _ in frames)
