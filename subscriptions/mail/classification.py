"""Classify answers and errors of mail servers and providers (see ``docs/sending.md``)."""

from __future__ import annotations

import re
import smtplib
import sys

from subscriptions.mail.outcomes import (
    REFUSALS,
    DataRefused,
    NothingSent,
    Scope,
    SendReason,
    SendResult,
    SendStatus,
    error_text,
    is_not_set_up,
    not_set_up,
    unreachable,
    without_addresses,
)
from subscriptions.mail.refusals import Refusal, Stage, classify_refusal

_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?= |$)")  # RFC 3463
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


def classify_error(error: Exception) -> SendResult:
    """Return the result of a mail after this error; UNKNOWN if the mail may have left."""
    match error:
        case NothingSent() | smtplib.SMTPConnectError():
            return unreachable(error_text(error))
        case smtplib.SMTPResponseException() | smtplib.SMTPRecipientsRefused():
            return _answered(error)
        case smtplib.SMTPNotSupportedError():  # no STARTTLS or AUTH is offered
            return not_set_up(error)
    # else nothing can have raised an error of Anymail
    if "anymail.exceptions" in sys.modules:
        from subscriptions.mail.provider_outcomes import classify_provider_error

        if result := classify_provider_error(error):
            return result
    return SendResult(SendStatus.UNKNOWN, error_text(error), answer="no answer", reason=SendReason.NO_ANSWER)


def no_connection(error: Exception) -> SendResult:
    """Return the result of a mail for which no session was opened: no connection, or EHLO, STARTTLS or AUTH refused."""
    if isinstance(error, (*REFUSALS, smtplib.SMTPNotSupportedError)):
        return classify_error(error)
    return not_set_up(error) if is_not_set_up(error) else unreachable(error_text(error))


def _answered(error: smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused) -> SendResult:
    """Classify an answer of a mail server (SMTP)."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        ((code, text),) = [(code, _decode(text)) for code, text in error.recipients.values()][:1]
    else:
        code, text = error.smtp_code, _decode(error.smtp_error)
    stage = _stage_of(error)
    enhanced = found[0] if (found := _STATUS.match(text)) else ""
    answer, detail = enhanced or str(code), without_addresses(f"{code} {text}")[:200]
    if stage == Stage.HELLO and code == 421:  # the server is closing
        return unreachable(detail)
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


def _decode(answer: bytes | str) -> str:
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer
