"""What the doctor makes of a sending domain's records, asked of a real name server on this machine."""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
from collections.abc import Sequence

import dns.resolver
import pytest

from digest.diagnostics.check_result import CheckResult, Severity
from digest.diagnostics.dns_records import examine_dns, rsa_bits
from tests.support.name_server import name_server
from tests.support.services import missing

WELL, ATTENTION, BROKEN = Severity.WELL, Severity.ATTENTION, Severity.BROKEN
DOMAIN = "mail.example.org"


def public_key(bits: int, *, bare: bool = False) -> str:
    """The public half of a fresh RSA key, as a DKIM record's ``p=`` holds it."""
    key = _openssl("genrsa", str(bits))
    form = "-RSAPublicKey_out" if bare else "-pubout"
    return base64.b64encode(_openssl("rsa", form, "-outform", "DER", given=key)).decode()


def _openssl(*arguments: str, given: bytes = b"") -> bytes:
    if not (program := shutil.which("openssl")):
        missing("no openssl to make a key with (Debian: apt-get install openssl)")
    return subprocess.run([program, *arguments], input=given, capture_output=True, check=True).stdout


def txt(name: str, *texts: str) -> str:
    """TXT records of that name; a long one in several strings, as name servers have it."""
    lines = []
    for text in texts:
        strings = " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))
        lines.append(f"{name}. TXT {strings}")
    return "\n".join(lines)


ED25519 = base64.b64encode(bytes(range(32))).decode()
GOOD = "\n".join(
    [
        f"{DOMAIN}. MX 10 mx.{DOMAIN}.",
        f"mx.{DOMAIN}. A 5.6.7.8",
        txt(DOMAIN, "v=spf1 ip4:5.6.7.8 -all", "some-other-proof=1"),
        txt(f"s1._domainkey.{DOMAIN}", f"v=DKIM1; k=ed25519; p={ED25519}"),
        txt(f"_dmarc.{DOMAIN}", "v=DMARC1; p=none; rua=mailto:dmarc@example.org"),
    ]
)


def seen(
    zone: str, *, domains: Sequence[str] = (DOMAIN,), selectors: Sequence[str] = ("s1",)
) -> dict[str, CheckResult]:
    """Each finding by what was looked at."""
    with name_server(zone) as names:
        return {found.what: found for found in examine_dns(domains, selectors=selectors, names=names)}


def of(record: str, zone: str, *, selectors: Sequence[str] = ("s1",)) -> CheckResult:
    """The finding about one record of a domain that has an MX, and of its zone nothing else."""
    found = seen(f"{DOMAIN}. MX 10 mx.{DOMAIN}.\nmx.{DOMAIN}. A 5.6.7.8\n{zone}", selectors=selectors)
    return found[f"{record} of {DOMAIN}"]


def test_a_domain_that_is_set_up_well_is_well_in_all_four_and_says_what_was_seen() -> None:
    found = seen(GOOD)
    assert {what: one.severity for what, one in found.items()} == {
        f"{record} of {DOMAIN}": WELL for record in ("SPF", "DKIM", "DMARC", "MX")
    }
    assert found[f"SPF of {DOMAIN}"].seen == "ends in -all, 0 look-ups: v=spf1 ip4:5.6.7.8 -all"
    assert "256 bits (ed25519)" in found[f"DKIM of {DOMAIN}"].seen
    assert "the policy is none" in found[f"DMARC of {DOMAIN}"].seen
    assert found[f"MX of {DOMAIN}"].seen == f"mx.{DOMAIN}"


def test_a_bare_domain_is_told_each_record_that_it_lacks_and_what_to_publish() -> None:
    found = seen(f"{DOMAIN}. A 5.6.7.8", selectors=())
    assert [one.severity for one in found.values()] == [ATTENTION] * 4
    assert all(one.do for one in found.values())
    assert "v=spf1 ip4:ADDRESS -all" in found[f"SPF of {DOMAIN}"].do
    assert "DKIM_SELECTOR" in found[f"DKIM of {DOMAIN}"].do
    assert f"_dmarc.{DOMAIN}" in found[f"DMARC of {DOMAIN}"].do


def test_a_domain_that_does_not_exist_is_one_finding_and_the_next_is_looked_at() -> None:
    found = seen(GOOD, domains=["nowhere.example.org", DOMAIN])
    assert found["domain nowhere.example.org"].severity == BROKEN
    assert len(found) == 5


def test_two_senders_at_one_domain_are_one_domain() -> None:
    assert len(seen(GOOD, domains=[DOMAIN, DOMAIN.upper()])) == 4


def test_where_no_name_server_answers_there_is_one_finding_for_all() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:  # takes the questions and says nothing
        mute.bind(("127.0.0.1", 0))
        names = dns.resolver.Resolver(configure=False)
        names.nameservers, names.port, names.lifetime = ["127.0.0.1"], mute.getsockname()[1], 0.3
        (found,) = examine_dns([DOMAIN, "example.net"], selectors=["s1"], names=names, server="mx.example.org")
    assert (found.severity, found.what) == (ATTENTION, "names")
    assert "cannot be looked up from here (nobody answered in time)" in found.seen


def test_where_no_name_server_is_known_there_is_one_finding_for_all() -> None:
    (found,) = examine_dns([DOMAIN], selectors=["s1"], names=dns.resolver.Resolver(configure=False))
    assert (found.severity, found.what) == (ATTENTION, "names")


def test_a_name_server_that_knows_no_name_at_all_is_one_finding() -> None:
    (found,) = seen("", domains=[DOMAIN, "example.net"]).values()
    assert (found.severity, found.what) == (ATTENTION, "names")
    assert "not even its top-level domain" in found.seen


def test_one_record_without_an_answer_does_not_hide_the_others() -> None:
    with name_server(GOOD, failing=[f"_dmarc.{DOMAIN}"]) as names:
        found = {one.what: one for one in examine_dns([DOMAIN], selectors=["s1"], names=names)}
    assert found[f"DMARC of {DOMAIN}"].severity == ATTENTION
    assert "SERVFAIL" in found[f"DMARC of {DOMAIN}"].seen
    assert [one.severity for one in found.values()].count(WELL) == 3


# --- SPF -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "severity", "said"),
    [
        ("v=spf1 mx a:mx.mail.example.org ~all", WELL, "ends in ~all, 2 look-ups"),
        ("V=SPF1 IP4:5.6.7.8 -ALL", WELL, "ends in -all"),
        ("v=spf1 +all", ATTENTION, "+all lets anybody send"),
        ("v=spf1 all", ATTENTION, "+all lets anybody send"),
        ("v=spf1 ip4:5.6.7.8 ?all", ATTENTION, "forbids no sender"),
        ("v=spf1 ip4:5.6.7.8", ATTENTION, "forbids no sender"),
        ("v=spf1 ipv4:5.6.7.8 -all", BROKEN, "“ipv4:5.6.7.8” is not valid SPF"),
        ("v=spf1 include:_spf.nowhere.example -all", BROKEN, "_spf.nowhere.example has no record"),
        ("v=spf1 include: -all", BROKEN, "“include:” is not valid SPF"),
        ("v=spf1 include:mail.example.org -all", BROKEN, "more than 10 look-ups"),
        ("v=spf1 exists:%{i}._spf.mail.example.org include:%{d}.x.example -all", WELL, "2 look-ups"),
        ("v=spf10 -all", ATTENTION, "there is no record"),
    ],
)
def test_spf_is_judged_as_a_receiver_would(record: str, severity: Severity, said: str) -> None:
    found = of("SPF", txt(DOMAIN, record))
    assert found.severity == severity
    assert said in found.seen


def test_two_spf_records_count_as_none() -> None:
    found = of("SPF", txt(DOMAIN, "v=spf1 a -all", "v=spf1 mx -all"))
    assert (found.severity, "2 records" in found.seen) == (BROKEN, True)


@pytest.mark.parametrize(("inside", "severity"), [(8, WELL), (9, BROKEN)])
def test_spf_look_ups_are_counted_through_includes_and_redirects(inside: int, severity: Severity) -> None:
    names = " ".join(f"a:h{number}.example.net" for number in range(inside))
    zone = "\n".join(
        [
            txt(DOMAIN, "v=spf1 include:_spf.example.net redirect=_end.example.net"),
            txt("_spf.example.net", f"v=spf1 {names} -all"),
            txt("_end.example.net", "v=spf1 ip4:5.6.7.8 -all"),
        ]
    )
    found = of("SPF", zone)
    assert found.severity == severity
    assert ("ends in -all, 10 look-ups" if severity == WELL else "more than 10 look-ups") in found.seen


def test_a_redirect_beside_all_is_never_followed() -> None:
    found = of("SPF", txt(DOMAIN, "v=spf1 redirect=_spf.nowhere.example -all"))
    assert (found.severity, found.seen[:25]) == (WELL, "ends in -all, 0 look-ups:")


# --- DKIM ------------------------------------------------------------------------------------------------------------


def dkim(*records: str, selectors: Sequence[str] = ("s1",)) -> CheckResult:
    return of("DKIM", txt(f"s1._domainkey.{DOMAIN}", *records), selectors=selectors)


@pytest.mark.service
@pytest.mark.parametrize(("bits", "severity"), [(512, BROKEN), (1024, ATTENTION), (2048, WELL)])
def test_an_rsa_key_is_judged_by_its_size(bits: int, severity: Severity) -> None:
    found = dkim(f"v=DKIM1; p={public_key(bits)}")
    assert found.severity == severity
    assert f"{bits} bits (rsa)" in found.seen


@pytest.mark.service
def test_a_bare_rsa_key_is_read_as_well() -> None:
    assert rsa_bits(base64.b64decode(public_key(1024, bare=True))) == 1024


@pytest.mark.parametrize(
    ("record", "severity", "said"),
    [
        (f"v=DKIM1; k=ed25519; p={ED25519}", WELL, "256 bits (ed25519)"),
        (f"v=DKIM1; k=ed25519; t=y; p={ED25519}", ATTENTION, "t=y marks it as a test"),
        (f"v=DKIM1; k=ed25519; p={ED25519[:-8]}", BROKEN, "cut off"),
        ("v=DKIM1; k=rsa; p=", BROKEN, "revoked"),
        ("v=DKIM1; k=rsa; p=MIIBIjANBgkq", BROKEN, "cut off"),
        ("v=DKIM1; k=rsa; p=not base64!", BROKEN, "cut off"),
        ("v=DKIM1; k=rsa", BROKEN, "no valid key"),
        ("v=DKIM2; p=AAAA", BROKEN, "no valid key"),
        ("v=DKIM1; k=\\009\\027[31m; p=AAAA", BROKEN, "k=��[31m"),
    ],
)
def test_a_key_of_another_kind_or_none_is_told_apart(record: str, severity: Severity, said: str) -> None:
    found = dkim(record)
    assert found.severity == severity
    assert said in found.seen


def test_two_records_at_one_selector_are_broken() -> None:
    assert dkim("v=DKIM1; p=", f"v=DKIM1; k=ed25519; p={ED25519}").severity == BROKEN


def test_a_selector_without_a_key_is_broken_unless_another_one_has_it() -> None:
    record = f"v=DKIM1; k=ed25519; p={ED25519}"
    lost = dkim(record, selectors=["s2"])
    assert (lost.severity, lost.seen) == (BROKEN, f"there is no key at s2._domainkey.{DOMAIN}")
    assert dkim(record, selectors=["s2", "s1"]).severity == WELL


@pytest.mark.service
def test_a_key_behind_an_alias_is_found_as_providers_have_it() -> None:
    alias = f"s1._domainkey.{DOMAIN}. CNAME s1.dkim.provider.example."
    assert of("DKIM", alias + "\n" + txt("s1.dkim.provider.example", f"k=rsa; p={public_key(2048)}")).severity == WELL


# --- DMARC, MX -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "record", "severity", "said"),
    [
        (f"_dmarc.{DOMAIN}", "v=DMARC1; p=reject", WELL, "the policy is reject"),
        ("_dmarc.example.org", "v=DMARC1; p=reject; sp=quarantine", WELL, "quarantine at _dmarc.example.org"),
        ("_dmarc.example.org", "v=DMARC1; p=none", WELL, "none at _dmarc.example.org"),
        (f"_dmarc.{DOMAIN}", "v=DMARC1; rua=mailto:a@example.org", BROKEN, "no valid policy"),
        (f"_dmarc.{DOMAIN}", "v=DMARC1; p=perhaps", BROKEN, "no valid policy"),
        (f"_dmarc.{DOMAIN}", "p=none", ATTENTION, "there is no record"),
        ("_dmarc.org", "v=DMARC1; p=none", ATTENTION, "there is no record"),
    ],
)
def test_dmarc_is_looked_for_at_the_domain_and_above_it(name: str, record: str, severity: Severity, said: str) -> None:
    found = of("DMARC", txt(name, record))
    assert found.severity == severity
    assert said in found.seen


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ("", f"the d= of the signature or the return path must share the organisation of {DOMAIN}"),
        ("; adkim=r; aspf=r", f"the d= of the signature or the return path must share the organisation of {DOMAIN}"),
        ("; adkim=s; aspf=s", f"the d= of the signature or the return path must be exactly {DOMAIN}"),
        (
            "; adkim=s",
            f"signature must be exactly {DOMAIN}, or the return path must share the organisation of {DOMAIN}",
        ),
    ],
)
def test_dmarc_says_what_has_to_agree_with_the_sender(tags: str, said: str) -> None:
    assert of("DMARC", txt(f"_dmarc.{DOMAIN}", f"v=DMARC1; p=none{tags}")).seen.endswith(said)


def test_two_dmarc_records_count_as_none() -> None:
    assert of("DMARC", txt(f"_dmarc.{DOMAIN}", "v=DMARC1; p=none", "v=DMARC1; p=reject")).severity == BROKEN


@pytest.mark.parametrize(
    ("zone", "severity", "said"),
    [
        (f"{DOMAIN}. MX 0 .", BROKEN, "null MX"),
        (f"{DOMAIN}. A 5.6.7.8", ATTENTION, "there is none"),
        (f"{DOMAIN}. MX 10 mx.nowhere.example.", ATTENTION, "mx.nowhere.example has no address"),
        (f"{DOMAIN}. MX 20 b.{DOMAIN}.\n{DOMAIN}. MX 5 a.{DOMAIN}.\na.{DOMAIN}. A 5.6.7.8\nb.{DOMAIN}. AAAA 2600::1",
         WELL, f"a.{DOMAIN}, b.{DOMAIN}"),
    ],
)  # fmt: skip
def test_a_domain_has_somebody_who_takes_replies(zone: str, severity: Severity, said: str) -> None:
    found = seen(zone)[f"MX of {DOMAIN}"]
    assert found.severity == severity
    assert said in found.seen


# --- a server of one's own -------------------------------------------------------------------------------------------

FORTH = f"mx.{DOMAIN}. A 5.6.7.8\nmx.{DOMAIN}. AAAA 2600::8\n"
BACK = f"8.7.6.5.in-addr.arpa. PTR mx.{DOMAIN}.\n{'8.' + '0.' * 27 + '0.0.6.2'}.ip6.arpa. PTR mx.{DOMAIN}.\n"


@pytest.mark.parametrize(
    ("host", "zone", "severity", "said"),
    [
        (f"mx.{DOMAIN}", FORTH + BACK, WELL, "5.6.7.8, 2600::8 and its name resolve to each other"),
        ("5.6.7.8", FORTH + BACK, WELL, "5.6.7.8 and its name resolve to each other"),
        (f"mx.{DOMAIN}", FORTH, ATTENTION, "5.6.7.8 resolves to no name"),
        (f"mx.{DOMAIN}", FORTH + BACK.splitlines()[0], ATTENTION, "2600::8 resolves to no name"),
        (f"mx.{DOMAIN}", FORTH + "8.7.6.5.in-addr.arpa. PTR other.example.", ATTENTION, "resolves to other.example"),
        ("127.0.0.1", "", WELL, "no public address"),
        ("relay", "relay. A 10.0.0.5", WELL, "no public address"),
        ("nowhere", "", WELL, "not in the DNS"),
    ],
)
def test_a_servers_address_and_name_have_to_lead_to_each_other(
    host: str, zone: str, severity: Severity, said: str
) -> None:
    with name_server(zone) as names:
        (found,) = examine_dns([], selectors=[], names=names, server=host)
    assert found.severity == severity
    assert said in found.seen
    assert bool(found.do) == (severity != WELL)


def test_a_server_that_cannot_be_looked_up_wants_a_look() -> None:
    with name_server("", failing=["mx.example.org"]) as names:
        (found,) = examine_dns([], selectors=[], names=names, server="mx.example.org")
    assert (found.severity, found.what) == (ATTENTION, "name of mx.example.org")
