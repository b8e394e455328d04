"""Go through an SMTP session up to the recipient, as a digest would, and keep every answer; no mail is sent."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from django.core.mail.backends.smtp import EmailBackend

from subscriptions.mail.refusals import Refusal, Stage, classify_refusal

ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?= |$)")  # RFC 3463
USE_FULL_NAME = "Set EHLO_NAME to this machine’s full name in the DNS, or let the server take mail from this machine."
USE_TLS = "Write smtp+tls:// (STARTTLS) or smtps:// (TLS from the start) in SMTP_URL."
LOG_IN = "Write the user and password into SMTP_URL: smtp+tls://user:password@host:587."
ALLOW = "Let the server take mail from this machine (Postfix: mynetworks), or write user:password@ into SMTP_URL."
FIX_LOG_IN = "Fix the user and password in SMTP_URL."
NO_STARTTLS = "Switch TLS on at the server, or write smtps:// in SMTP_URL if it has a port for that (465)."
FIX_SENDER = (
    "Let the server send for this sender, or set DEFAULT_FROM_EMAIL (or TRANSACTIONAL_FROM_EMAIL) to one it allows."
)
NO_MAILBOX = "Give the sender’s address a mailbox: replies and bounces go there. If it has one, fix SMTP_URL."
TRY_LATER = "Run this again later. If the answer stays, read the server’s log."
READ_LOG = "Read the server’s log."
# By the words of a refusal of the sender or recipient, in this order
ADVICE = (
    (re.compile(r"tls|ssl|encrypt", re.IGNORECASE), USE_TLS),
    (re.compile(r"[eh]h?lo\b|hostname|host name", re.IGNORECASE), USE_FULL_NAME),
    (re.compile(r"relay|client host|access denied|invalid recipient", re.IGNORECASE), ALLOW),
    (re.compile(r"auth|log[- ]?in\b", re.IGNORECASE), LOG_IN),
    (re.compile(r"sender|send as", re.IGNORECASE), FIX_SENDER),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said and answered; ``do`` is what to do about a refusal, which stops digests if ``is_ours``."""

    said: str
    text: str
    do: str = ""
    is_ours: bool = False


@dataclass(slots=True)
class Session:
    """An SMTP session with the server of a backend. ``is_encrypted`` and ``offers_tls`` are known after ``answers``."""

    backend: EmailBackend
    senders: Sequence[str]
    is_encrypted: bool = False
    offers_tls: bool = False
    _server: Any = field(init=False, default=None)

    def answers(self) -> Iterator[Answer]:
        """Yield each answer up to the first that stops digests. Raise OSError if there is no connection."""
        try:
            for step in (self._hello, self._start_tls, self._log_in):
                for answer in step():
                    yield answer
                    if answer.is_ours:
                        return
            for sender in self.senders:
                yield from self._envelope(sender)
        finally:
            if self._server is not None:
                with suppress(OSError):
                    self._server.quit()
                self._server.close()

    def _hello(self) -> Iterator[Answer]:
        backend = self.backend
        options: dict[str, Any] = {"timeout": backend.timeout}
        if backend.use_ssl:
            options["context"] = backend.ssl_context
        self._server = backend.connection_class(backend.host, backend.port, **options)
        yield self._ehlo()

    def _ehlo(self) -> Answer:
        server = self._server
        reply = server.ehlo()
        if reply[0] != 250:
            reply = server.helo()
        self.is_encrypted = isinstance(server.sock, ssl.SSLSocket)
        self.offers_tls = self.offers_tls or server.has_extn("starttls")
        said = f"EHLO {server.local_hostname}"
        return (
            Answer(said, _line(reply)) if reply[0] == 250 else Answer(said, _line(reply), USE_FULL_NAME, is_ours=True)
        )

    def _start_tls(self) -> Iterator[Answer]:
        if not self.backend.use_tls or self.backend.use_ssl:
            return
        yield _asked("STARTTLS", lambda: self._server.starttls(context=self.backend.ssl_context), NO_STARTTLS)
        yield self._ehlo()

    def _log_in(self) -> Iterator[Answer]:
        user, password = self.backend.username, self.backend.password
        if user and password:
            yield _asked("AUTH", lambda: self._server.login(user, password), FIX_LOG_IN)

    def _envelope(self, sender: str) -> Iterator[Answer]:
        for stage in (Stage.SENDER, Stage.RECIPIENT):
            reply = self._server.docmd(f"{stage}:<{sender}>")
            answer = _judged(f"{stage} <{sender}>", reply, stage)
            yield answer
            if answer.is_ours:
                return
            if answer.do:
                break
        yield Answer("RSET", _line(self._server.docmd("RSET")))


def _asked(said: str, ask: Callable[[], tuple[int, bytes]], do: str) -> Answer:
    """Answer for a command of smtplib that raises its refusal."""
    try:
        return Answer(said, _line(ask()))
    except smtplib.SMTPResponseException as error:
        return Answer(said, _line((error.smtp_code, error.smtp_error)), do, is_ours=True)
    except smtplib.SMTPNotSupportedError:
        return Answer(said, "not offered by the server", do, is_ours=True)


def _judged(said: str, reply: tuple[int, bytes], stage: Stage) -> Answer:
    code, text = reply[0], _line(reply)
    if code // 100 == 2:
        return Answer(said, text)
    words = text.partition(" ")[2]
    enhanced = found[0] if (found := ENHANCED.match(words)) else ""
    match classify_refusal(code, enhanced, words, stage=stage):
        case Refusal.SETUP:
            # the server's own words, without the sender's address in them
            said_of = re.sub(r"<[^>]*@[^>]*>", "", words)
            do = next((advice for pattern, advice in ADVICE if pattern.search(said_of)), READ_LOG)
            return Answer(said, text, do, is_ours=True)
        case Refusal.DEAD_ADDRESS | Refusal.MAILBOX_FULL:
            return Answer(said, text, NO_MAILBOX)
        case Refusal.DEFERRED | Refusal.TOO_FAST:
            return Answer(said, text, TRY_LATER)
    return Answer(said, text, READ_LOG)


def _line(reply: tuple[int, bytes | str]) -> str:
    """Return an answer in one line, of several lines the first."""
    text = reply[1].decode(errors="replace") if isinstance(reply[1], bytes) else reply[1]
    return f"{reply[0]} {(text.splitlines() or [''])[0]}".strip()
