"""Limits per network, counted in the database that all processes share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.http import HttpRequest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.models import RateCounter
from subscriptions.rate_limits import (
    CONFIRMATIONS,
    NETWORK,
    WIDER,
    TooManyConfirmations,
    ip_of,
    mailbox_of,
    refund,
    too_many,
    use_confirmation,
)
from tests.support.factories import NOON
from tests.support.processes import go, start
from tests.support.services import Installation


def visit(ip: str = "192.0.2.1", forwarded: str = "") -> HttpRequest:
    return RequestFactory().post(
        "/subscribe", REMOTE_ADDR=ip, **({"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {})
    )


@pytest.fixture
def noon(db: None) -> Iterator[Any]:
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


# --- who ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "forwarded", "seen"),
    [
        (0, "", "192.0.2.1"),
        (0, "198.51.100.7", "192.0.2.1"),  # anybody can write that
        (1, "198.51.100.7", "198.51.100.7"),
        (1, "6.6.6.6, 198.51.100.7", "198.51.100.7"),
        (2, "6.6.6.6, 198.51.100.7, 203.0.113.1", "198.51.100.7"),
        (2, "198.51.100.7", "192.0.2.1"),  # it came by another way than through both
        (1, "", "192.0.2.1"),
        (1, "[2001:db8::1]:443", "2001:db8::1"),
        (1, "198.51.100.7:443", "198.51.100.7"),
        (1, "::ffff:198.51.100.7", "198.51.100.7"),
        (1, "fe80::1%eth0", "fe80::1"),
        (1, "unknown", None),
    ],
)
def test_a_visitor_is_who_the_outermost_proxy_of_ours_saw(
    proxies: int, forwarded: str, seen: str | None, settings: Any
) -> None:
    settings.PROXIES = proxies
    assert ip_of(visit(forwarded=forwarded)) == seen


@pytest.mark.parametrize("ip", ["", "unix:", "nonsense"])
def test_a_web_server_that_passes_on_no_address_is_no_reason_to_fail(ip: str) -> None:
    assert ip_of(visit(ip)) is None


@given(st.text(max_size=60))
def test_whatever_is_written_as_an_address_is_read_or_not(text: str) -> None:
    request = HttpRequest()
    request.META["REMOTE_ADDR"] = text
    ip_of(request)


# --- how often -------------------------------------------------------------------------------------------------------


def test_a_network_is_refused_after_its_share_and_welcome_again_in_the_next_hour(noon: Any) -> None:
    limit = NETWORK["sign_up"].count
    assert [too_many(visit(), "sign_up") for _ in range(limit + 2)] == [False] * limit + [True] * 2
    assert not too_many(visit("192.0.2.2"), "sign_up")
    assert not too_many(visit(), "sign_in")
    noon.shift(timedelta(hours=1))
    assert not too_many(visit(), "sign_up")


def test_knocking_slowly_opens_no_door_sooner(noon: Any) -> None:
    let_through = 0
    for _ in range(9):  # 54 minutes of one hour
        let_through += sum(not too_many(visit(), "sign_up") for _ in range(10))
        noon.shift(timedelta(minutes=6))
    assert let_through == NETWORK["sign_up"].count


def test_an_address_has_its_share_of_a_day_however_long_one_waits_in_it_and_however_it_is_spelled(noon: Any) -> None:
    spellings = ["Ada@example.org", "ada@EXAMPLE.ORG", "ada+papers@example.org", "ada+a+b@example.org"]
    asked = [confirmations(spellings[n % 4], now=NOON + n * timedelta(hours=1)) for n in range(5)]
    assert asked == [1, 1, 1, 0, 0]
    assert confirmations("ada@example.org", now=NOON + timedelta(hours=12)) == 1


def confirmations(*addresses: str, now: Any) -> int:
    """How many of these addresses may be written to now."""
    allowed = 0
    for address in addresses:
        with suppress(TooManyConfirmations), transaction.atomic():
            use_confirmation(address, now=now)
            allowed += 1
    return allowed


def test_a_mailbox_is_an_address_without_its_sub_address() -> None:
    written = [
        "Ada@Example.org",
        "ada+papers@example.org",
        "ada+a+b@example.org",
        "+ada@example.org",
        "a.da@example.org",
    ]
    assert [mailbox_of(one) for one in written] == [*["ada@example.org"] * 3, "+ada@example.org", "a.da@example.org"]


@pytest.mark.slow
def test_a_domain_and_the_whole_installation_have_their_share_of_an_hour(
    noon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a tenth of what they have, because each mail takes several queries
    for what in ("domain", "installation"):
        (limit,) = CONFIRMATIONS[what]
        monkeypatch.setitem(CONFIRMATIONS, what, (replace(limit, count=limit.count // 10),))
    of_domain, of_all = CONFIRMATIONS["domain"][0].count, CONFIRMATIONS["installation"][0].count
    assert confirmations(*(f"a{n}@one.example" for n in range(of_domain + 5)), now=NOON) == of_domain
    many = [f"a{n}@{domain}.example" for domain in range(10) for n in range(of_domain)]
    assert confirmations(*many, now=NOON) == of_all - of_domain  # what was refused above is not counted
    assert confirmations("ada@example.org", now=NOON) == 0
    assert confirmations("ada@example.org", now=NOON + timedelta(hours=1)) == 1


def test_a_mail_that_did_not_leave_is_not_counted(noon: Any) -> None:
    for _ in range(10):
        refund(use_confirmation("ada@example.org", now=NOON))
    assert set(RateCounter.objects.values_list("count", flat=True)) == {0}
    assert confirmations("ada@example.org", now=NOON) == 1


def test_a_whole_ipv6_network_is_one_visitor(noon: Any) -> None:
    limit = NETWORK["erase"].count
    assert not any(too_many(visit(f"2001:db8:0:7::{n:x}"), "erase") for n in range(limit))
    assert too_many(visit("2001:db8:0:7:ffff::1"), "erase")
    assert not too_many(visit("2001:db8:0:8::1"), "erase")


def test_who_has_thousands_of_ipv6_networks_is_no_thousands_of_visitors(noon: Any) -> None:
    limit = WIDER * NETWORK["erase"].count
    assert [too_many(visit(f"2001:db8:0:{n:x}::1"), "erase") for n in range(limit + 1)] == [False] * limit + [True]
    assert not too_many(visit("2001:db8:1::1"), "erase")


def test_a_neighbour_who_is_refused_takes_nothing_from_the_wider_network(noon: Any) -> None:
    for _ in range(2 * WIDER * NETWORK["erase"].count):
        too_many(visit("2001:db8:0:7::1"), "erase")
    assert not too_many(visit("2001:db8:0:8::1"), "erase")


AT_ONCE = """
import sys
import time_machine
from django.http import HttpRequest
from subscriptions.rate_limits import too_many
from tests.support.factories import NOON
time_machine.travel(NOON, tick=False).start()
request = HttpRequest()
request.META["REMOTE_ADDR"] = "192.0.2.1"
print("ready", flush=True)
sys.stdin.readline()
print(sum(too_many(request, "erase") for _ in range(30)))
"""


def test_visitors_of_several_processes_at_once_are_each_counted(installation: Installation) -> None:
    del installation.environment["REDIS_URL"]  # it makes no difference here
    installation.prepare()
    said = go([start(AT_ONCE, environment=installation.environment) for _ in range(4)])
    assert sum(int(refused) for refused in said) == 120 - NETWORK["erase"].count


def test_what_is_counted_names_nobody(noon: Any) -> None:
    too_many(visit(), "sign_up")
    use_confirmation("ada@example.org", now=NOON)
    kept = str(list(RateCounter.objects.values()))
    assert RateCounter.objects.count() == 5
    assert "192.0.2" not in kept
    assert "ada@" not in kept
    assert "example" not in kept
