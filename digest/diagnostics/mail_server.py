"""Check the SMTP server, and the URL for one-click unsubscribe as mailbox providers call it."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator, Sequence
from email.utils import parseaddr
from typing import cast
from urllib.parse import urlsplit

import httpx2
from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.smtp import EmailBackend

from digest.diagnostics.check_result import CheckResult, Severity, shorten_text
from digest.diagnostics.smtp_session import Session
from subscriptions.models import Subscriber
from subscriptions.tokens import unsubscribe_url
from subscriptions.web.decorators import ONE_CLICK

PATIENCE = 5.0  # seconds for each step of a request

# By status of the answer to a one-click POST
WHAT_TO_DO = {
    301: "Set SITE_URL to the target of the redirect: a POST does not follow it.",
    302: "Configure the proxy to pass POST /u/ to the web process without a redirect.",
    307: "Set SITE_URL to the target of the redirect: mailbox providers do not follow it.",
    308: "Set SITE_URL to the target of the redirect: mailbox providers do not follow it.",
    400: "Use the same SECRET_KEY for the web process and this command, and check that SITE_URL is this service.",
    401: "Configure the proxy to pass POST /u/ to the web process without a log-in.",
    403: "Configure the proxy or firewall to pass POST /u/ to the web process, also from machines.",
    404: "Configure SITE_URL or the proxy to reach the web process: another service answered.",
    502: "The reverse proxy does not reach the web process. Start it, or fix the proxy.",
}


def our_senders() -> list[str]:
    """Return the address that digests come from, and that of mails with a link."""
    senders = [settings.DEFAULT_FROM_EMAIL, settings.TRANSACTIONAL_FROM_EMAIL or settings.DEFAULT_FROM_EMAIL]
    return [parseaddr(sender)[1] for sender in senders]


def examine_mail_server(senders: Sequence[str]) -> Iterator[CheckResult]:
    """Go through a session with the SMTP server for each of our senders, without a mail, and report each answer."""
    host, session = settings.EMAIL_HOST, Session(cast(EmailBackend, get_connection()), senders)
    is_refused = False
    try:
        for answer in session.answers():
            is_refused |= answer.is_ours
            severity = Severity.BROKEN if answer.is_ours else Severity.ATTENTION if answer.do else Severity.WELL
            yield CheckResult(severity, f"mail, {answer.said}", shorten_text(answer.text, 160), answer.do)
    except (OSError, ValueError) as error:  # SMTPException is an OSError
        said = shorten_text(f"{error}", 120) or type(error).__name__
        do = "Fix SMTP_URL, or the server. Digests wait, and expire five hours after due."
        yield CheckResult(Severity.BROKEN, "mail", f"no session with {host}: {said}", do)
        return
    if is_refused:
        do = "Digests and links wait until this is right, and digests expire five hours after they were due."
        yield CheckResult(Severity.BROKEN, "mail", f"the server {host} would refuse every mail", do)
    else:
        over = ", over TLS" if session.is_encrypted else ""
        yield CheckResult(Severity.WELL, "mail", f"the server {host} lets us send{over}")
    if session.is_encrypted or _is_here(host):
        return
    if session.offers_tls:
        seen, do = "offers STARTTLS, which SMTP_URL does not use", "Write smtp+tls:// in SMTP_URL."
    else:
        seen, do = "offers no STARTTLS", "Switch TLS on there, or use smtps:// if it has a port for that (465)."
    yield CheckResult(Severity.ATTENTION, "TLS", f"{host} {seen}: others can read the password and the mails", do)


def examine_one_click() -> CheckResult:
    """Send a one-click unsubscribe of no reader, as a mailbox provider does (RFC 8058)."""
    what, url = "one-click", unsubscribe_url(Subscriber())
    try:
        answer = httpx2.post(url, data=dict([ONE_CLICK]), timeout=PATIENCE, follow_redirects=False, trust_env=False)
    except (httpx2.HTTPError, OSError) as error:
        said = shorten_text(str(error), 120).replace(url, settings.SITE_URL) or type(error).__name__
        do = (
            "Check that SITE_URL reaches the web process through a reverse proxy with a trusted certificate. If this "
            "machine cannot reach itself by that name, try it from another machine."
        )
        return CheckResult(Severity.ATTENTION, what, f"a POST to {settings.SITE_URL}/u/ got no answer: {said}", do)
    if answer.status_code == 200:
        return CheckResult(Severity.WELL, what, f"a POST to {settings.SITE_URL}/u/ is accepted")
    do = WHAT_TO_DO.get(answer.status_code, "Read the logs of the web process and of the proxy.")
    return CheckResult(
        Severity.ATTENTION, what, f"{settings.SITE_URL}/u/ answers {answer.status_code} instead of 200", do
    )


def is_reachable() -> bool:
    """Return whether SITE_URL is meant for other machines."""
    return settings.MODE == "live" and not _is_here(urlsplit(settings.SITE_URL).hostname or "")


def _is_here(host: str) -> bool:
    """Return whether the host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost") or host == socket.gethostname()
