"""Django's SMTP backend, for mails of one recipient, which knows after an error whether the mail may have left.

The three commands before a mail go in one packet if the server supports it (PIPELINING, RFC 2920), behind the content
of the mail before if there is one, so that a mail costs one round trip. No octet of a content leaves before its DATA
was answered; a connection on which a mail was announced and is not sent is closed. After a refusal, DATA waits for the
answers before it for the rest of that connection, and no mail is announced: a server such as Postfix counts a refused
recipient and the refused DATA behind it as two errors, and hangs up after twenty.
"""

from __future__ import annotations

import smtplib
from collections.abc import Sequence
from contextlib import suppress
from email.utils import parseaddr
from functools import lru_cache
from typing import Any, cast

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends import smtp
from django.core.mail.message import sanitize_address
from django.core.mail.utils import DNS_NAME

from subscriptions.mail.addresses import PLAIN_ADDRESS
from subscriptions.mail.message import MimeBytes
from subscriptions.mail.outcomes import REFUSALS, DataRefused, NothingSent

MAILS_A_CONNECTION = 100
READ_SECONDS = 30  # for an answer; EMAIL_TIMEOUT is for connecting


def ehlo_name() -> str:
    """Return the name that we give in EHLO: the setting, else this machine's full name, else the sender's domain.

    Many servers refuse a name without a dot (Postfix: reject_non_fqdn_helo_hostname).
    """
    if settings.EHLO_NAME:
        return str(settings.EHLO_NAME)
    name = str(DNS_NAME)  # Django's cache of socket.getfqdn()
    if "." in name and not name.startswith("localhost."):
        return name
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2].encode("idna").decode()


class Plain(smtplib.SMTP):
    has_refused = False  # on this connection
    ahead: tuple[str, str] | None = None  # sender and recipient of a mail whose commands wait for their replies

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options | {"local_hostname": ehlo_name()})

    # beside smtplib's arguments it takes the next mail's envelope, and whether lines may begin with a dot
    def sendmail(  # type: ignore[override]
        self,
        from_addr: str,
        to_addrs: Sequence[str],
        msg: bytes | Sequence[bytes],
        *options: Any,
        following: tuple[str, str] | None = None,
        has_dots: bool = True,
    ) -> dict[str, tuple[int, bytes]]:
        """Send one mail, with CRLF, to one recipient; ``following`` are sender and recipient of the mail after it.

        The mail may be in pieces. Where a line may begin with a dot (``has_dots``), that is doubled.

        Raise NothingSent if the connection broke before any of the mail was written. After any other OSError that is
        not an answer (SMTPResponseException, SMTPRecipientsRefused) the mail may have left.
        """
        (recipient,) = to_addrs
        try:
            self._open_envelope(from_addr, recipient)
        except REFUSALS:
            self.has_refused = True
            raise
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            raise NothingSent(str(error) or type(error).__name__) from error
        pieces = [msg] if isinstance(msg, bytes) else msg
        if has_dots:
            pieces = [_stuffed(b"".join(pieces))]
        end = b".\r\n" if pieces[-1].endswith(b"\r\n") else b"\r\n.\r\n"
        self.send(b"".join((*pieces, end, self._announce(following))))
        code, text = self.getreply()
        if code != 250:
            if _ends_session(code):
                self.close()
            raise smtplib.SMTPDataError(code, text)
        return {}

    def _open_envelope(self, sender: str, recipient: str) -> None:
        """Send the commands up to the server's "354 go ahead"."""
        replies: list[tuple[int, bytes]] = []
        for packet in self._packets(sender, recipient):
            replies += self._ask(packet)
            if not all(map(_goes_on, replies)):
                break
        refused = next((number for number, reply in enumerate(replies) if not _goes_on(reply)), None)
        if refused is None:
            return
        # After DATA was accepted, the server waits for a mail that has no recipient.
        if any(_ends_session(code) for code, _ in replies) or any(code == 354 for code, _ in replies):
            self.close()
        else:
            self._forget()
        if refused == 0:
            raise smtplib.SMTPSenderRefused(*replies[0], sender)
        if refused == 1:
            raise smtplib.SMTPRecipientsRefused({recipient: replies[1]})
        raise DataRefused(*replies[2])

    def _packets(self, sender: str, recipient: str) -> list[list[str]]:
        """Return the commands that go together, nothing in place of each that was sent already."""
        if self.ahead == (sender, recipient):
            return [[""] * 3]
        if self.ahead is not None:  # the server waits for the content of another mail
            raise smtplib.SMTPServerDisconnected("another mail was announced")
        commands = _envelope(sender, recipient)
        if not self.has_extn("pipelining"):
            return [[command] for command in commands]
        return [commands[:2], commands[2:]] if self.has_refused else [commands]

    def _announce(self, following: tuple[str, str] | None) -> bytes:
        """Return the commands of the mail that comes next, if they may go without waiting for the end of this one."""
        if following is None or self.has_refused or not self.has_extn("pipelining"):
            return b""
        try:
            commands = _lines(_envelope(*following))
        except ValueError:  # it is told when that mail is sent
            return b""
        self.ahead = following
        return commands

    def _ask(self, commands: list[str]) -> list[tuple[int, bytes]]:
        """Send these commands at once and return their replies; fewer if the server refused one and hung up."""
        if self.ahead is None:
            self.send(_lines(commands))
        self.ahead = None
        replies: list[tuple[int, bytes]] = []
        for _ in commands:
            try:
                replies.append(self.getreply())
            except (smtplib.SMTPException, OSError):
                if all(map(_goes_on, replies)):
                    raise
                self.close()
                break
        return replies

    def quit(self) -> tuple[int, bytes]:
        if self.ahead is None:
            return super().quit()
        self.close()  # the server may take QUIT for a line of the mail that was announced
        return 221, b""

    def close(self) -> None:
        self.ahead = None
        super().close()

    def _forget(self) -> None:
        with suppress(smtplib.SMTPServerDisconnected):
            self.rset()


def _envelope(sender: str, recipient: str) -> list[str]:
    """Return the commands before the content of a mail."""
    commands = [f"MAIL FROM:{_quoted(sender)}", f"RCPT TO:{_quoted(recipient)}", "DATA"]
    if any("\r" in command or "\n" in command for command in commands):
        raise ValueError("an address holds a line break")
    return commands


def _lines(commands: Sequence[str]) -> bytes:
    return "".join([f"{command}\r\n" for command in commands]).encode("ascii")


def _stuffed(octets: bytes) -> bytes:
    """Double each dot at the beginning of a line (RFC 5321 section 4.5.2)."""
    lines = octets.replace(b"\r\n.", b"\r\n..")
    return b"." + lines if lines.startswith(b".") else lines


def _goes_on(reply: tuple[int, bytes]) -> bool:
    return reply[0] // 100 == 2 or reply[0] == 354


def _ends_session(code: int) -> bool:
    """Return whether the server is closing, or its reply is none of RFC 5321, so that later ones may be out of step."""
    return code == 421 or code // 100 not in (2, 4, 5)


# Cached for the sender: Django and smtplib need longer to parse an address than to send a mail.
@lru_cache(maxsize=100)
def _written(address: str) -> str:
    return address if PLAIN_ADDRESS.fullmatch(address) else sanitize_address(address, "utf-8")


@lru_cache(maxsize=100)
def _quoted(address: str) -> str:
    """Return the address in angle brackets."""
    return f"<{address}>" if PLAIN_ADDRESS.fullmatch(address) else smtplib.quoteaddr(address)


class Encrypted(Plain, smtplib.SMTP_SSL):
    pass


class EmailBackend(smtp.EmailBackend):
    """A backend that sends one mail at a time and renews its connection after MAILS_A_CONNECTION mails."""

    handed = 0
    following: EmailMessage | None = None  # the mail that will be sent after this one, over this connection

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return Encrypted if self.use_ssl else Plain

    @property
    def has_announced(self) -> bool:
        """Return whether the server waits for the content of the next mail."""
        return isinstance(self.connection, Plain) and self.connection.ahead is not None

    def open(self) -> bool | None:
        if self.connection is not None and (self.handed >= MAILS_A_CONNECTION or self.connection.sock is None):
            self.close()
        is_new = super().open()
        if is_new and self.connection is not None and self.connection.sock:
            self.connection.sock.settimeout(READ_SECONDS)
            self.handed = 0
            try:
                self.connection.ehlo_or_helo_if_needed()
            except (smtplib.SMTPException, OSError):
                self.close()
                raise
        return is_new

    def close(self) -> None:
        with suppress(OSError):  # the result of every mail is known: an error of QUIT changes nothing
            super().close()

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            self._send_message(message)
        return len(email_messages)

    def _send_message(self, message: EmailMessage) -> None:
        # Django's SafeMIMEText takes linesep; the stubs have the method of email.message
        mime = message.message()
        # each copy of a digest costs time
        octets = mime.pieces() if isinstance(mime, MimeBytes) else mime.as_bytes(linesep="\r\n")  # type: ignore[call-arg]
        has_dots = getattr(message, "has_dots", True)
        sender = _written(message.from_email)
        recipients = [_written(address) for address in message.recipients()]
        self.open()
        is_kept = self.handed > 0
        try:
            self._send_octets(sender, recipients, octets, has_dots)
        except (NothingSent, *REFUSALS) as error:
            # A server may close a kept connection that was idle or old; then try once more on a new one.
            if not (is_kept and _has_hung_up(error)):
                raise
            self.close()
            self._open_again()
            self._send_octets(sender, recipients, octets, has_dots)

    def _open_again(self) -> None:
        """Reconnect; an error that is no answer becomes NothingSent, since nothing has left."""
        try:
            self.open()
        except (*REFUSALS, smtplib.SMTPNotSupportedError):
            raise
        except (smtplib.SMTPException, OSError) as error:
            raise NothingSent(str(error) or type(error).__name__) from error

    def _send_octets(self, sender: str, recipients: list[str], octets: bytes | Sequence[bytes], has_dots: bool) -> None:
        assert self.connection is not None  # noqa: S101 (open raises otherwise)
        self.handed += 1
        following = self._next_envelope()
        # open made it a connection of ours, which Django types as smtplib's
        connection = cast(Plain, self.connection)
        connection.sendmail(sender, recipients, octets, following=following, has_dots=has_dots)

    def _next_envelope(self) -> tuple[str, str] | None:
        if self.following is None or self.handed >= MAILS_A_CONNECTION:
            return None
        try:
            return _written(self.following.from_email), _written(self.following.to[0])
        except ValueError:  # it is told when that mail is sent
            return None


def _has_hung_up(error: Exception) -> bool:
    """Return whether the server ended the connection before the content of the mail."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return any(code == 421 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPSenderRefused | DataRefused):
        return error.smtp_code == 421
    return isinstance(error, NothingSent)
