"""Whether a domain takes mail at all."""

from __future__ import annotations

import dns.exception
import dns.resolver

PATIENCE = 3.0  # seconds for the whole answer


def takes_no_mail(domain: str) -> bool:
    """Whether the domain says so itself, by a null MX record (RFC 7505); a domain that says nothing may."""
    try:
        answer = dns.resolver.resolve(domain, "MX", lifetime=PATIENCE)
    except (dns.exception.DNSException, UnicodeError, OSError):
        return False  # no answer is no refusal
    return [str(record.exchange) for record in answer] == ["."]
