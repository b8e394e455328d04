"""Django's SMTP backend, for mails of one recipient, which knows after an error whether the mail may have left.

The three commands before a mail go in one packet if the server supports it (PIPELINING, RFC 2920), so that a mail costs
two round trips.
"""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends import smtp
from django.core.mail.message import sanitize_address

from subscriptions.mail.addresses import PLAIN_ADDRESS
from subscriptions.mail.outcomes import NothingSent

MAILS_A_CONNECTION = 100
READ_SECONDS = 30  # for an answer; EMAIL_TIMEOUT is for connecting


class Plain(smtplib.SMTP):
    def sendmail(  # type: ignore[override]
        self, from_addr: str, to_addrs: Sequence[str], msg: bytes, *options: Any, **more: Any
    ) -> dict[str, tuple[int, bytes]]:
        """Send one mail, with CRLF, to one recipient.

        Raise NothingSent if the connection broke before any of the mail was written. After any other OSError that is
        not an answer (SMTPResponseException, SMTPRecipientsRefused) the mail may have left.
        """
        (recipient,) = to_addrs
        try:
            self._open_envelope(from_addr, recipient)
        except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused):
            raise
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            raise NothingSent(str(error) or type(error).__name__) from error
        lines = msg.replace(b"\r\n.", b"\r\n..")
        if lines.startswith(b"."):
            lines = b"." + lines
        self.send(lines + (b".\r\n" if lines.endswith(b"\r\n") else b"\r\n.\r\n"))
        code, text = self.getreply()
        if code != 250:
            if code == 421:
                self.close()
            raise smtplib.SMTPDataError(code, text)
        return {}

    def _open_envelope(self, sender: str, recipient: str) -> None:
        """Send the commands up to the server's "354 go ahead"."""
        self.ehlo_or_helo_if_needed()
        commands = [f"MAIL FROM:{_quoted(sender)}", f"RCPT TO:{_quoted(recipient)}", "DATA"]
        if any("\r" in command or "\n" in command for command in commands):
            raise ValueError("an address holds a line break")
        if self.has_extn("pipelining"):
            self.send("".join(f"{command}\r\n" for command in commands))
            mail, rcpt, data = [self.getreply() for _ in commands]
        else:
            mail, rcpt, data = [self.docmd(command) for command in commands]
        if mail[0] == 250 and rcpt[0] // 100 == 2 and data[0] == 354:
            return
        if data[0] == 354:  # the server waits for a mail that has no recipient: start a new connection
            self.close()
        else:
            self._forget()
        if mail[0] != 250:
            raise smtplib.SMTPSenderRefused(*mail, sender)
        if rcpt[0] // 100 != 2:
            raise smtplib.SMTPRecipientsRefused({recipient: rcpt})
        raise smtplib.SMTPDataError(*data)

    def _forget(self) -> None:
        with suppress(smtplib.SMTPServerDisconnected):
            self.rset()


# Cached for the sender: Django needs longer to parse an address than to send a mail.
@lru_cache(maxsize=100)
def _written(address: str) -> str:
    return address if PLAIN_ADDRESS.fullmatch(address) else sanitize_address(address, "utf-8")


def _quoted(address: str) -> str:
    """Return the address in angle brackets; ``smtplib.quoteaddr`` is slow."""
    return f"<{address}>" if PLAIN_ADDRESS.fullmatch(address) else smtplib.quoteaddr(address)


class Encrypted(Plain, smtplib.SMTP_SSL):
    pass


class EmailBackend(smtp.EmailBackend):
    """A backend that sends one mail at a time and renews its connection after MAILS_A_CONNECTION mails."""

    handed = 0

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return Encrypted if self.use_ssl else Plain

    def open(self) -> bool | None:
        if self.connection is not None and (self.handed >= MAILS_A_CONNECTION or self.connection.sock is None):
            self.close()
        is_new = super().open()
        if is_new and self.connection is not None and self.connection.sock:
            self.connection.sock.settimeout(READ_SECONDS)
            self.handed = 0
        return is_new

    def close(self) -> None:
        with suppress(OSError):  # the result of every mail is known: an error of QUIT changes nothing
            super().close()

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            self._send_message(message)
        return len(email_messages)

    def _send_message(self, message: EmailMessage) -> None:
        octets = message.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]
        sender = _written(message.from_email)
        recipients = [_written(address) for address in message.recipients()]
        self.open()
        is_kept = self.handed > 0
        try:
            self._send_octets(sender, recipients, octets)
        except (NothingSent, smtplib.SMTPSenderRefused) as error:
            # A server may close a kept connection that was idle; then try once more on a new one.
            has_hung_up = isinstance(error, NothingSent) or error.smtp_code == 421
            if not (is_kept and has_hung_up):
                raise
            self.close()
            self._open_again()
            self._send_octets(sender, recipients, octets)

    def _open_again(self) -> None:
        """Reconnect; an error other than a refused log-in becomes NothingSent, since nothing has left."""
        try:
            self.open()
        except smtplib.SMTPAuthenticationError:
            raise
        except (smtplib.SMTPException, OSError) as error:
            raise NothingSent(str(error) or type(error).__name__) from error

    def _send_octets(self, sender: str, recipients: list[str], octets: bytes) -> None:
        assert self.connection is not None  # noqa: S101 (open raises otherwise)
        self.handed += 1
        self.connection.sendmail(sender, recipients, octets)
