"""What a sending domain says of itself in the DNS, and whether that makes its mail believed.

SPF is RFC 7208, DKIM keys RFC 6376 and 8463, DMARC RFC 7489 with the walk up the labels of its successor.
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
MOST_LOOKUPS = 10  # that a receiver makes for one SPF record
LEAST_BITS, GOOD_BITS = 1024, 2048  # of an RSA key
ASKS = ("include", "a", "mx", "ptr", "exists")  # mechanisms of SPF that cost the receiver a look-up
KNOWN = (*ASKS, "ip4", "ip6", "all")
SEQUENCE, INTEGER, BIT_STRING = 0x30, 0x02, 0x03  # of DER


class NoAnswer(Exception):
    """No name server gave an answer that can be used."""


def resolver() -> dns.resolver.Resolver:
    """Asks the name servers of this machine; where it has none, every question ends in Silence."""
    try:
        asked = dns.resolver.Resolver()
    except (dns.exception.DNSException, OSError):
        asked = dns.resolver.Resolver(configure=False)
    asked.lifetime = asked.timeout = PATIENCE
    return asked


def examine_dns(
    domains: Sequence[str], *, selectors: Sequence[str], names: dns.resolver.Resolver, server: str = ""
) -> Iterator[CheckResult]:
    """SPF, DKIM, DMARC and MX of each domain, and the name of a server that sends by itself.

    One finding in all where names cannot be looked up from here.
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
                f"{domain} cannot be looked up from here ({silence}), so its SPF, DKIM, DMARC and MX were not seen",
                "Look at this machine's name server, then at the domain's; or run the doctor where names resolve.",
            )
            return
        if not is_there:
            do = "Register it, or set DEFAULT_FROM_EMAIL and TRANSACTIONAL_FROM_EMAIL to a domain that is yours."
            yield CheckResult(Severity.BROKEN, f"domain {domain}", "there is no such name: its mail is refused", do)
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
        do = "Run the doctor again; if it stays so, look at the name servers that are asked for it."
        return CheckResult(Severity.ATTENTION, what, f"no usable answer ({silence})", do)


# --- asking ----------------------------------------------------------------------------------------------------------


def _ask(names: dns.resolver.Resolver, name: str, kind: str) -> list[str]:
    """The records of that kind as text, a TXT record with its strings joined; raises Silence."""
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
    """Whether the DNS knows the name, whatever it says of it; raises Silence."""
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
    """``v=DKIM1; p=...`` as a mapping; what comes first counts."""
    tags: dict[str, str] = {}
    for part in record.split(";"):
        name, is_tag, value = part.partition("=")
        if is_tag:
            tags.setdefault(name.strip().lower(), "".join(value.split()))
    return tags


# --- SPF -------------------------------------------------------------------------------------------------------------


class WrongSPF(Exception):
    """A receiver cannot make sense of it; the message says why."""


@dataclass(slots=True)
class _Walk:
    """One evaluation of SPF that nothing matches: how many look-ups it takes."""

    names: dns.resolver.Resolver
    lookups: int = 0
    seen: list[str] = field(default_factory=list)  # the record that is asked first, then each it leads to

    def follow(self, domain: str) -> str:
        """How it ends: ``-all``, ``~all``, ``?all``, ``+all``, or nothing; raises WrongSPF and Silence."""
        record = _spf_record(self.names, domain)
        if not record:
            raise WrongSPF(f"{domain} has no record" if self.seen else "")
        self.seen.append(record)
        redirect = ""
        for word in record.lower().split()[1:]:
            if modifier := re.fullmatch(r"([a-z][a-z0-9_.-]*)=(.*)", word):
                redirect = modifier[2] if modifier[1] == "redirect" else redirect
                continue
            sign, mechanism, value = re.fullmatch(r"([+?~-]?)([^:/]*)[:]?(.*)", word).groups()  # type: ignore[union-attr]
            if mechanism not in KNOWN or (mechanism == "include" and not value):
                raise WrongSPF(f"nobody understands “{shorten_text(word, 30)}”")
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
            raise WrongSPF(f"it takes more than {MOST_LOOKUPS} look-ups, where receivers give up")


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
            return CheckResult(Severity.ATTENTION, what, "there is no record: anybody may send in its name", do)
        seen = f"{wrong}{_quoted(walk.seen)}"
        do = "Leave one record that begins with v=spf1, with at most ten look-ups and includes that lead to a record."
        return CheckResult(Severity.BROKEN, what, seen, do)
    seen = f"{walk.lookups} look-ups{_quoted(walk.seen)}"
    if end not in ("-all", "~all"):
        seen = {"+all": "+all lets anybody send in its name"}.get(end, "it does not say who may not send") + f"; {seen}"
        return CheckResult(Severity.ATTENTION, what, seen, "End the record with -all, or ~all while you are trying it.")
    return CheckResult(Severity.WELL, what, f"ends in {end}, {seen}")


def _quoted(records: Sequence[str]) -> str:
    return f": {shorten_text(records[0])}" if records else ""


# --- DKIM ------------------------------------------------------------------------------------------------------------


def _dkim(names: dns.resolver.Resolver, domain: str, selectors: Sequence[str]) -> CheckResult:
    """The worst key of those selectors that have one."""
    what = f"DKIM of {domain}"
    if not selectors:
        do = "Set DKIM_SELECTOR to the s= in the DKIM-Signature of a mail that you sent to yourself."
        return CheckResult(Severity.ATTENTION, what, "DKIM_SELECTOR is not set, so the key could not be looked up", do)
    places = {f"{selector}._domainkey.{domain}": selector for selector in selectors}
    keys = {place: records for place in places if (records := _ask(names, place, "TXT"))}
    if not keys:
        do = "Publish there the public key of whoever signs, or mend DKIM_SELECTOR."
        return CheckResult(Severity.BROKEN, what, f"there is no key at {' or '.join(places)}", do)
    return max((_key(what, place, records) for place, records in keys.items()), key=lambda found: found.severity)


def _key(what: str, place: str, records: Sequence[str]) -> CheckResult:
    record = shorten_text(records[0], 50)
    if len(records) > 1:
        seen = f"{place} has {len(records)} TXT records, and receivers may read any of them: {record}"
        return CheckResult(Severity.BROKEN, what, seen, "Leave one.")
    tags = _tags(records[0])
    kind = tags.get("k", "rsa").lower()
    if tags.get("v", "DKIM1") != "DKIM1" or "p" not in tags or kind not in ("rsa", "ed25519"):
        do = "It should be like v=DKIM1; k=rsa; p=... with the public key."
        return CheckResult(Severity.BROKEN, what, f"{place} holds no key that is understood: {record}", do)
    if not tags["p"]:
        do = "Sign with another selector, publish its key and set DKIM_SELECTOR to it."
        return CheckResult(Severity.BROKEN, what, f"the key at {place} is revoked (p= is empty)", do)
    try:
        public = base64.b64decode(tags["p"], validate=True)
        bits = rsa_bits(public) if kind == "rsa" else 8 * len(public)
    except ValueError:
        bits = 0
    if not bits or (kind == "ed25519" and bits != 256):
        seen = f"{place} is cut off, or no {kind} key: {record}"
        return CheckResult(Severity.BROKEN, what, seen, "Publish the whole key; strings of one TXT record are joined.")
    seen = f"{place} holds a key of {bits} bits ({kind}): {record}"
    if kind == "rsa" and bits < LEAST_BITS:
        return CheckResult(
            Severity.BROKEN, what, f"{seen}, which nobody believes", f"Sign with one of {GOOD_BITS} bits."
        )
    if kind == "rsa" and bits < GOOD_BITS:
        return CheckResult(Severity.ATTENTION, what, seen, f"Sign with one of {GOOD_BITS} bits before long.")
    if "y" in tags.get("t", "").split(":"):
        return CheckResult(
            Severity.ATTENTION, what, f"{seen}, and t=y says it is a test", "Take t=y out of the record."
        )
    return CheckResult(Severity.WELL, what, seen)


def rsa_bits(der: bytes) -> int:
    """The size of an RSA key, as SubjectPublicKeyInfo or bare (RFC 8017); raises ValueError for anything else."""
    body, _ = _inside(der, SEQUENCE)
    if body[:1] == bytes([SEQUENCE]):
        _, bits = _inside(body, SEQUENCE)
        body, _ = _inside(bits, BIT_STRING)
        body, _ = _inside(body[1:], SEQUENCE)
    modulus, _ = _inside(body, INTEGER)
    return int.from_bytes(modulus, "big").bit_length()


def _inside(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """What one DER element of that tag holds, and what follows it."""
    if len(der) < 2 or der[0] != tag:
        raise ValueError("not the element that was expected")
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
            return CheckResult(Severity.BROKEN, what, seen, "Leave one.")
        tags = _tags(records[0])
        policy = tags.get("sp", tags.get("p", "")) if above != domain else tags.get("p", "")
        if policy.lower() not in ("none", "quarantine", "reject"):
            seen = f"{place} names no policy that is known: {record}"
            return CheckResult(Severity.BROKEN, what, seen, "Write p=none, p=quarantine or p=reject.")
        return CheckResult(
            Severity.WELL, what, f"the policy is {policy.lower()}, by {place}: {record}; {_passes(tags, domain)}"
        )
    do = f"Publish a TXT record at _dmarc.{domain}: v=DMARC1; p=none; rua=mailto:YOUR-ADDRESS"
    return CheckResult(Severity.ATTENTION, what, "there is no record, which Gmail, Yahoo and Outlook.com ask for", do)


def _passes(tags: dict[str, str], domain: str) -> str:
    """What has to agree with From, by a record's ``adkim`` and ``aspf``; nobody can see here whether it does."""
    signature, path = (
        f"be exactly {domain}" if tags.get(tag, "").lower() == "s" else f"share the organisation of {domain}"
        for tag in ("adkim", "aspf")
    )
    if signature == path:
        return f"the d= of the signature or the return path has to {path}"
    return f"the d= of the signature has to {signature}, or the return path to {path}"


def _up(domain: str) -> Iterator[str]:
    """The domain and those above it, but no top-level domain; eight at most."""
    labels = domain.rstrip(".").split(".")
    skipped = [0, *range(max(1, len(labels) - 7), len(labels) - 1)]
    return (".".join(labels[first:]) for first in skipped)


def _mx(names: dns.resolver.Resolver, domain: str, exchanges: Sequence[str]) -> CheckResult:
    what = f"MX of {domain}"
    hosts = [exchange.split()[1].rstrip(".") for exchange in sorted(exchanges, key=lambda one: int(one.split()[0]))]
    do = f"Publish an MX record at {domain} for whoever takes replies and bounces."
    if hosts == [""]:
        return CheckResult(
            Severity.BROKEN, what, "it says that it takes no mail (null MX): some refuse such a sender", do
        )
    if not hosts:
        return CheckResult(
            Severity.ATTENTION, what, "there is none: replies are lost, and some refuse such a sender", do
        )
    if lost := [host for host in hosts if not _addresses(names, host)]:
        seen = f"{shorten_text(', '.join(lost))} has no address"
        return CheckResult(Severity.ATTENTION, what, seen, "Give it an A record, or mend the MX record.")
    return CheckResult(Severity.WELL, what, shorten_text(", ".join(hosts)))


# --- a server of one's own -------------------------------------------------------------------------------------------


def _both_ways(names: dns.resolver.Resolver, host: str) -> CheckResult:
    """Whether the addresses of a mail server and their names lead to each other."""
    what = f"name of {host}"
    addresses = [host] if _is_address(host) else _addresses(names, host)
    public = [address for address in addresses if is_public(ip_address(address))]
    if not public:
        seen = "it has no public address, so its PTR record is not looked at" if addresses else "it is not in the DNS"
        return CheckResult(Severity.WELL, what, seen)
    for address in public:
        back = [name.rstrip(".") for name in _ask(names, dns.reversename.from_address(address).to_text(), "PTR")]
        if not any(address in _addresses(names, name) for name in back):
            seen = f"{address} leads to {shorten_text(', '.join(back)) or 'no name'}, and that not back to it"
            do = (
                f"If it sends to the world by itself: have the PTR record of {address} name it, and an A or AAAA "
                "record of that name lead back. A provider's relay needs nothing from you."
            )
            return CheckResult(Severity.ATTENTION, what, seen, do)
    return CheckResult(Severity.WELL, what, f"{', '.join(public)} and its name lead to each other")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
