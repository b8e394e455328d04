"""Check the DNS records that authenticate a domain's mail.

SPF is RFC 7208, DKIM keys are RFC 6376 and 8463, DMARC is RFC 7489 with its successor's walk up the labels.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address

import dns.exception
import dns.rdatatype
import dns.resolver
import dns.reversename

from digest.diagnostics.check_result import CheckResult, Severity, shorten_text
from digest.ingest.http.ssrf_guard import is_public

PATIENCE = 3.0  # seconds for one answer
MOST_LOOKUPS = 10  # by a receiver for one SPF record
LEAST_BITS, GOOD_BITS = 1024, 2048  # of an RSA key
ASKS = ("include", "a", "mx", "ptr", "exists")  # SPF mechanisms that need a look-up
KNOWN = (*ASKS, "ip4", "ip6", "all")
SEQUENCE, INTEGER, BIT_STRING = 0x30, 0x02, 0x03  # DER tags


class NoAnswer(Exception):
    """Raised if no name server gave a usable answer."""


def resolver() -> dns.resolver.Resolver:
    """Return a resolver with this machine's name servers; without any, every query raises NoAnswer."""
    try:
        asked = dns.resolver.Resolver()
    except (dns.exception.DNSException, OSError):
        asked = dns.resolver.Resolver(configure=False)
    asked.lifetime = asked.timeout = PATIENCE
    return asked


def examine_dns(
    domains: Sequence[str], *, selectors: Sequence[str], names: dns.resolver.Resolver, server: str = ""
) -> Iterator[CheckResult]:
    """Check SPF, DKIM, DMARC and MX of each domain, and the name of a server that sends directly.

    Yields a single result if names cannot be looked up from here.
    """
    for domain in dict.fromkeys(domain.lower() for domain in domains):
        try:
            exchanges = _ask(names, domain, "MX")
            is_there = exchanges or _is_there(names, domain)
            if not is_there and not _is_there(names, domain.rpartition(".")[2]):
                raise NoAnswer("not even its top-level domain is known here")
        except NoAnswer as silence:
            yield CheckResult(
                Severity.ATTENTION,
                "names",
                f"{domain} cannot be looked up from here ({silence}), so SPF, DKIM, DMARC and MX were not checked",
                "Check this machine's name server, then the domain's, or run doctor on a machine with DNS.",
            )
            return
        if not is_there:
            do = "Register it, or set DEFAULT_FROM_EMAIL and TRANSACTIONAL_FROM_EMAIL to a domain of yours."
            yield CheckResult(Severity.BROKEN, f"domain {domain}", "does not exist, so its mail is refused", do)
            continue
        looks: dict[str, Callable[[], CheckResult]] = {
            "SPF": partial(_spf, names, domain),
            "DKIM": partial(_dkim, names, domain, selectors),
            "DMARC": partial(_dmarc, names, domain),
            "MX": partial(_mx, names, domain, exchanges),
        }
        for record, look in looks.items():
            yield _unless_silent(f"{record} of {domain}", look)
    if server:
        yield _unless_silent(f"name of {server}", partial(_both_ways, names, server))


def _unless_silent(what: str, look: Callable[[], CheckResult]) -> CheckResult:
    try:
        return look()
    except NoAnswer as silence:
        do = "Run doctor again. If this repeats, check the name servers of the domain."
        return CheckResult(Severity.ATTENTION, what, f"no usable answer ({silence})", do)


# --- queries ---------------------------------------------------------------------------------------------------------


def _ask(names: dns.resolver.Resolver, name: str, kind: str) -> list[str]:
    """Return the records of that kind as text, a TXT record with its strings joined. Raises NoAnswer."""
    try:
        answer = names.resolve(name, kind)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, UnicodeError, OSError) as error:
        raise _silence(error) from error
    if kind == "TXT":
        return [b"".join(record.strings).decode("ascii", "replace") for record in answer]
    return [record.to_text() for record in answer]


def _is_there(names: dns.resolver.Resolver, name: str) -> bool:
    """Return whether the name exists, with any record. Raises NoAnswer."""
    try:
        names.resolve(name, "A", raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return False
    except (dns.exception.DNSException, UnicodeError, OSError) as error:
        raise _silence(error) from error
    return True


def _silence(error: Exception) -> NoAnswer:
    if isinstance(error, dns.exception.Timeout):
        return NoAnswer("nobody answered in time")
    if isinstance(error, dns.resolver.NoNameservers):
        tries = error.kwargs.get("errors") or []
        return NoAnswer(
            shorten_text(f"the name server said {tries[-1][3]}") if tries else "no name server is known here"
        )
    return NoAnswer(shorten_text(str(error) or type(error).__name__))


def _addresses(names: dns.resolver.Resolver, host: str) -> list[str]:
    return [*_ask(names, host, "A"), *_ask(names, host, "AAAA")]


def _tags(record: str) -> dict[str, str]:
    """Parse ``v=DKIM1; p=...`` as a mapping; the first value of a tag counts."""
    tags: dict[str, str] = {}
    for part in record.split(";"):
        name, is_tag, value = part.partition("=")
        if is_tag:
            tags.setdefault(name.strip().lower(), "".join(value.split()))
    return tags


# --- SPF -------------------------------------------------------------------------------------------------------------


class WrongSPF(Exception):
    """Raised for a record that receivers cannot use, with the reason."""


@dataclass(slots=True)
class _Walk:
    """The evaluation of an SPF record without any match, to count its look-ups."""

    names: dns.resolver.Resolver
    lookups: int = 0
    seen: list[str] = field(default_factory=list)  # the first record, then each included one

    def follow(self, domain: str) -> str:
        """Return the end: ``-all``, ``~all``, ``?all``, ``+all``, or "". Raises WrongSPF and NoAnswer."""
        record = _spf_record(self.names, domain)
        if not record:
            raise WrongSPF(f"{domain} has no record" if self.seen else "")
        self.seen.append(record)
        redirect = ""
        for word in record.lower().split()[1:]:
            if modifier := re.fullmatch(r"([a-z][a-z0-9_.-]*)=(.*)", word):
                redirect = modifier[2] if modifier[1] == "redirect" else redirect
                continue
            # every word matches: the last part takes anything
            sign, mechanism, value = re.fullmatch(r"([+?~-]?)([^:/]*)[:]?(.*)", word).groups()  # type: ignore[union-attr]
            if mechanism not in KNOWN or (mechanism == "include" and not value):
                raise WrongSPF(f"“{shorten_text(word, 30)}” is not valid SPF")
            if mechanism == "all":
                return (sign or "+") + "all"
            if mechanism in ASKS:
                self._count()
            if mechanism == "include" and "%" not in value:
                self.follow(value)
        if redirect:
            self._count()
            return "" if "%" in redirect else self.follow(redirect)
        return ""

    def _count(self) -> None:
        self.lookups += 1
        if self.lookups > MOST_LOOKUPS:
            raise WrongSPF(f"it needs more than {MOST_LOOKUPS} look-ups, the limit of receivers")


def _spf_record(names: dns.resolver.Resolver, domain: str) -> str:
    found = [text for text in _ask(names, domain, "TXT") if re.match(r"v=spf1( |$)", text, re.IGNORECASE)]
    if len(found) > 1:
        raise WrongSPF(f"{domain} has {len(found)} records, which count as none")
    return found[0] if found else ""


def _spf(names: dns.resolver.Resolver, domain: str) -> CheckResult:
    what, walk = f"SPF of {domain}", _Walk(names)
    try:
        end = walk.follow(domain)
    except WrongSPF as wrong:
        if not str(wrong):
            do = f"Publish one TXT record at {domain}: v=spf1 ip4:ADDRESS -all (your server's), or your provider's."
            return CheckResult(Severity.ATTENTION, what, "there is no record, so anybody can send as this domain", do)
        seen = f"{wrong}{_quoted(walk.seen)}"
        do = "Keep one record that begins with v=spf1, with at most ten look-ups and with includes that exist."
        return CheckResult(Severity.BROKEN, what, seen, do)
    seen = f"{walk.lookups} look-ups{_quoted(walk.seen)}"
    if end not in ("-all", "~all"):
        seen = {"+all": "+all lets anybody send as this domain"}.get(end, "it forbids no sender") + f"; {seen}"
        return CheckResult(Severity.ATTENTION, what, seen, "End the record with -all, or with ~all for a trial.")
    return CheckResult(Severity.WELL, what, f"ends in {end}, {seen}")


def _quoted(records: Sequence[str]) -> str:
    return f": {shorten_text(records[0])}" if records else ""


# --- DKIM ------------------------------------------------------------------------------------------------------------


def _dkim(names: dns.resolver.Resolver, domain: str, selectors: Sequence[str]) -> CheckResult:
    """Check the keys of all selectors and return the worst result."""
    what = f"DKIM of {domain}"
    if not selectors:
        do = "Send yourself a mail, and set DKIM_SELECTOR to the s= in its DKIM-Signature."
        return CheckResult(Severity.ATTENTION, what, "DKIM_SELECTOR is not set, so the key could not be looked up", do)
    places = {f"{selector}._domainkey.{domain}": selector for selector in selectors}
    keys = {place: records for place in places if (records := _ask(names, place, "TXT"))}
    if not keys:
        do = "Publish the signer's public key there, or fix DKIM_SELECTOR."
        return CheckResult(Severity.BROKEN, what, f"there is no key at {' or '.join(places)}", do)
    return max((_key(what, place, records) for place, records in keys.items()), key=lambda found: found.severity)


def _key(what: str, place: str, records: Sequence[str]) -> CheckResult:
    record = shorten_text(records[0], 50)
    if len(records) > 1:
        seen = f"{place} has {len(records)} TXT records, and receivers may read any of them: {record}"
        return CheckResult(Severity.BROKEN, what, seen, "Keep one record.")
    tags = _tags(records[0])
    kind = tags.get("k", "rsa").lower()
    if tags.get("v", "DKIM1") != "DKIM1" or "p" not in tags or kind not in ("rsa", "ed25519"):
        do = "Publish a record like v=DKIM1; k=rsa; p=... with the public key."
        return CheckResult(Severity.BROKEN, what, f"{place} has no valid key: {record}", do)
    if not tags["p"]:
        do = "Sign with another selector, publish its key, and set DKIM_SELECTOR to it."
        return CheckResult(Severity.BROKEN, what, f"the key at {place} is revoked (p= is empty)", do)
    try:
        public = base64.b64decode(tags["p"], validate=True)
        bits = rsa_bits(public) if kind == "rsa" else 8 * len(public)
    except ValueError:
        bits = 0
    if not bits or (kind == "ed25519" and bits != 256):
        seen = f"{place} is cut off, or not an {kind} key: {record}"
        return CheckResult(Severity.BROKEN, what, seen, "Publish the whole key; strings of one TXT record are joined.")
    seen = f"{place} has a key of {bits} bits ({kind}): {record}"
    if kind == "rsa" and bits < LEAST_BITS:
        return CheckResult(
            Severity.BROKEN, what, f"{seen}, which receivers ignore", f"Sign with a key of {GOOD_BITS} bits."
        )
    if kind == "rsa" and bits < GOOD_BITS:
        return CheckResult(Severity.ATTENTION, what, seen, f"Sign with a key of {GOOD_BITS} bits soon.")
    if "y" in tags.get("t", "").split(":"):
        return CheckResult(
            Severity.ATTENTION, what, f"{seen}, and t=y marks it as a test", "Remove t=y from the record."
        )
    return CheckResult(Severity.WELL, what, seen)


def rsa_bits(der: bytes) -> int:
    """Return the size of an RSA key, as SubjectPublicKeyInfo or bare (RFC 8017). Raises ValueError for others."""
    body, _ = _inside(der, SEQUENCE)
    if body[:1] == bytes([SEQUENCE]):
        _, bits = _inside(body, SEQUENCE)
        body, _ = _inside(bits, BIT_STRING)
        body, _ = _inside(body[1:], SEQUENCE)
    modulus, _ = _inside(body, INTEGER)
    return int.from_bytes(modulus, "big").bit_length()


def _inside(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """Return the content of a DER element of that tag, and the rest."""
    if len(der) < 2 or der[0] != tag:
        raise ValueError("unexpected element")
    size, at = der[1], 2
    if size & 0x80:
        at += size & 0x7F
        size = int.from_bytes(der[2:at], "big")
    if len(der) < at + size:
        raise ValueError("cut off")
    return der[at : at + size], der[at + size :]


# --- DMARC and MX ----------------------------------------------------------------------------------------------------


def _dmarc(names: dns.resolver.Resolver, domain: str) -> CheckResult:
    what = f"DMARC of {domain}"
    for above in _up(domain):
        place = f"_dmarc.{above}"
        records = [text for text in _ask(names, place, "TXT") if re.match(r"v=DMARC1\s*(;|$)", text)]
        if not records:
            continue
        record = shorten_text(records[0])
        if len(records) > 1:
            seen = f"{place} has {len(records)} records, which count as none: {record}"
            return CheckResult(Severity.BROKEN, what, seen, "Keep one record.")
        tags = _tags(records[0])
        policy = tags.get("sp", tags.get("p", "")) if above != domain else tags.get("p", "")
        if policy.lower() not in ("none", "quarantine", "reject"):
            seen = f"{place} has no valid policy: {record}"
            return CheckResult(Severity.BROKEN, what, seen, "Write p=none, p=quarantine or p=reject.")
        return CheckResult(
            Severity.WELL, what, f"the policy is {policy.lower()} at {place}: {record}; {_passes(tags, domain)}"
        )
    do = f"Publish a TXT record at _dmarc.{domain}: v=DMARC1; p=none; rua=mailto:YOUR-ADDRESS"
    return CheckResult(Severity.ATTENTION, what, "there is no record; Gmail, Yahoo and Outlook.com require one", do)


def _passes(tags: dict[str, str], domain: str) -> str:
    """Describe what must match From by ``adkim`` and ``aspf``; whether it does cannot be checked here."""
    signature, path = (
        f"be exactly {domain}" if tags.get(tag, "").lower() == "s" else f"share the organisation of {domain}"
        for tag in ("adkim", "aspf")
    )
    if signature == path:
        return f"the d= of the signature or the return path must {path}"
    return f"the d= of the signature must {signature}, or the return path must {path}"


def _up(domain: str) -> Iterator[str]:
    """Yield the domain and its parents without the top-level domain, at most eight."""
    labels = domain.rstrip(".").split(".")
    skipped = [0, *range(max(1, len(labels) - 7), len(labels) - 1)]
    return (".".join(labels[first:]) for first in skipped)


def _mx(names: dns.resolver.Resolver, domain: str, exchanges: Sequence[str]) -> CheckResult:
    what = f"MX of {domain}"
    hosts = [exchange.split()[1].rstrip(".") for exchange in sorted(exchanges, key=lambda one: int(one.split()[0]))]
    do = f"Publish an MX record at {domain} for replies and bounces."
    if hosts == [""]:
        return CheckResult(
            Severity.BROKEN, what, "it accepts no mail (null MX), and some receivers refuse such a sender", do
        )
    if not hosts:
        return CheckResult(
            Severity.ATTENTION, what, "there is none: replies are lost, and some receivers refuse such a sender", do
        )
    if lost := [host for host in hosts if not _addresses(names, host)]:
        seen = f"{shorten_text(', '.join(lost))} has no address"
        return CheckResult(Severity.ATTENTION, what, seen, "Publish an A record for it, or fix the MX record.")
    return CheckResult(Severity.WELL, what, shorten_text(", ".join(hosts)))


# --- own mail server -------------------------------------------------------------------------------------------------


def _both_ways(names: dns.resolver.Resolver, host: str) -> CheckResult:
    """Check that the addresses of a mail server and their names resolve to each other."""
    what = f"name of {host}"
    addresses = [host] if _is_address(host) else _addresses(names, host)
    public = [address for address in addresses if is_public(ip_address(address))]
    if not public:
        seen = "it has no public address, so its PTR record is not checked" if addresses else "it is not in the DNS"
        return CheckResult(Severity.WELL, what, seen)
    for address in public:
        back = [name.rstrip(".") for name in _ask(names, dns.reversename.from_address(address).to_text(), "PTR")]
        if not any(address in _addresses(names, name) for name in back):
            seen = f"{address} resolves to {shorten_text(', '.join(back)) or 'no name'}, and that not back to it"
            do = (
                f"If it sends mail directly, set the PTR record of {address} to its name, and an A or AAAA record of "
                "that name to the address. For a provider's relay do nothing."
            )
            return CheckResult(Severity.ATTENTION, what, seen, do)
    return CheckResult(Severity.WELL, what, f"{', '.join(public)} and its name resolve to each other")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
