"""What others meet of this service: the mail server that takes its mail, and the address that ends it in one press."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
from django.conf import settings
from django.core.mail import get_connection

from digest.diagnostics.check_result import CheckResult, Severity, shorten_text
from subscriptions.models import Subscriber
from subscriptions.tokens import unsubscribe_url
from subscriptions.web.decorators import ONE_CLICK

PATIENCE = 5.0  # seconds for each step of a request

WHAT_TO_DO = {  # of an answer to one click
    301: "Set SITE_URL to where it leads: a POST is not sent on.",
    302: "A page stands in front: let POST /u/ through to the web process.",
    307: "Set SITE_URL to where it leads: mailbox providers do not follow.",
    308: "Set SITE_URL to where it leads: mailbox providers do not follow.",
    400: "The web process has another SECRET_KEY than this command, or it is another service.",
    401: "A log-in stands in front: let POST /u/ through to the web process.",
    403: "Something stands in front that keeps machines out: let POST /u/ through to the web process.",
    404: "Another service answers there: lead SITE_URL to the web process.",
    502: "The reverse proxy does not reach the web process: start it, or mend the proxy.",
}


def examine_mail_server() -> Iterator[CheckResult]:
    """Whether the SMTP server takes our log-in, and nobody on the way can read along."""
    host = settings.EMAIL_HOST
    try:
        with get_connection() as backend:
            is_encrypted, is_offered = _encryption(backend)
    except (OSError, ValueError) as error:  # SMTPException is an OSError
        seen = f"{host} does not take it: {str(error)[:120]}"
        yield CheckResult(Severity.BROKEN, "mail", seen, "Mend SMTP_URL; digests wait and expire five hours after due.")
        return
    yield CheckResult(
        Severity.WELL, "mail", f"the server {host} takes our log-in{', over TLS' if is_encrypted else ''}"
    )
    if is_encrypted or _is_here(host):
        return
    if is_offered:
        seen, do = "offers STARTTLS, which SMTP_URL does not use", "Write smtp+tls:// in SMTP_URL."
    else:
        seen, do = "offers no STARTTLS", "Switch TLS on there, or use smtp+ssl:// if it has a port for that (465)."
    yield CheckResult(Severity.ATTENTION, "TLS", f"{host} {seen}: password and mails can be read on the way", do)


def _encryption(backend: Any) -> tuple[bool, bool]:
    """Whether this connection is encrypted, and whether the server offers to."""
    server = backend.connection
    server.ehlo_or_helo_if_needed()
    return isinstance(server.sock, ssl.SSLSocket), server.has_extn("starttls")


def examine_one_click() -> CheckResult:
    """One press on the way out, for nobody, as a mailbox provider makes it (RFC 8058)."""
    what, url = "one-click", unsubscribe_url(Subscriber())
    try:
        answer = httpx2.post(url, data=dict([ONE_CLICK]), timeout=PATIENCE, follow_redirects=False, trust_env=False)
    except (httpx2.HTTPError, OSError) as error:
        said = shorten_text(str(error), 120).replace(url, settings.SITE_URL) or type(error).__name__
        do = (
            "See that SITE_URL leads to the web process, through a reverse proxy with a certificate that is trusted. "
            "If this machine cannot reach itself by that name, try it from elsewhere."
        )
        return CheckResult(Severity.ATTENTION, what, f"a POST to {settings.SITE_URL}/u/ got no answer: {said}", do)
    if answer.status_code == 200:
        return CheckResult(Severity.WELL, what, f"a POST to {settings.SITE_URL}/u/ is taken")
    do = WHAT_TO_DO.get(answer.status_code, "Read the log of the web process, and of what stands in front of it.")
    return CheckResult(
        Severity.ATTENTION, what, f"{settings.SITE_URL}/u/ answers {answer.status_code} instead of 200", do
    )


def is_reachable() -> bool:
    """Whether SITE_URL is an address for others at all."""
    return settings.MODE == "live" and not _is_here(urlsplit(settings.SITE_URL).hostname or "")


def _is_here(host: str) -> bool:
    """Whether it is this machine by its name for itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost") or host == socket.gethostname()
