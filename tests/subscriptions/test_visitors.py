"""Limits per network and per address, counted in a cache that all processes share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.http import HttpRequest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.models import CacheRow
from subscriptions.visitors import ADDRESS, NETWORK, ip_of, too_many
from tests.factories import NOON
from tests.processes import go, start
from tests.services import House


def visit(ip: str = "192.0.2.1", forwarded: str = "") -> HttpRequest:
    return RequestFactory().post(
        "/subscribe", REMOTE_ADDR=ip, **({"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {})
    )


@pytest.fixture(params=["table", "Redis"])
def counted(request: pytest.FixtureRequest, settings: Any, db: None) -> Iterator[None]:
    if request.param == "Redis":
        url = request.getfixturevalue("redis_url")
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}}
        cache.clear()
    with time_machine.travel(NOON, tick=False):
        yield


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


def test_a_network_is_refused_after_its_share_and_welcome_again_in_the_next_hour(counted: None) -> None:
    most = NETWORK["sign_up"].most
    answers = [too_many(visit(), "sign_up", email=f"a{n}@example.org") for n in range(most + 2)]
    assert answers == [False] * most + [True] * 2
    assert not too_many(visit("192.0.2.2"), "sign_up")
    assert not too_many(visit(), "sign_in")
    with time_machine.travel(NOON + timedelta(hours=1), tick=False):
        assert not too_many(visit(), "sign_up")


def test_an_address_is_spared_whoever_asks_and_however_it_is_spelled(counted: None) -> None:
    most = ADDRESS["sign_up"].most
    spellings = ["Ada@example.org", "ada@EXAMPLE.ORG"]
    answers = [too_many(visit(f"192.0.2.{n}"), "sign_up", email=spellings[n % 2]) for n in range(most + 1)]
    assert answers == [False] * most + [True]


def test_a_whole_ipv6_network_is_one_visitor(counted: None) -> None:
    most = NETWORK["erase"].most
    assert not any(too_many(visit(f"2001:db8:0:7::{n:x}"), "erase") for n in range(most))
    assert too_many(visit("2001:db8:0:7:ffff::1"), "erase")
    assert not too_many(visit("2001:db8:0:8::1"), "erase")


AT_ONCE = """
import sys
import time_machine
from django.http import HttpRequest
from subscriptions.visitors import too_many
from tests.factories import NOON
from tests.processes import go, start
from tests.services import House
time_machine.travel(NOON, tick=False).start()
request = HttpRequest()
request.META["REMOTE_ADDR"] = "192.0.2.1"
print("ready", flush=True)
sys.stdin.readline()
print(sum(too_many(request, "export") for _ in range(10)))
"""


def test_visitors_of_several_processes_at_once_are_each_counted(house: House) -> None:
    house.run("manage.py", "migrate", "-v0")
    said = go([start(AT_ONCE, environment=house.environment) for _ in range(3)])
    assert sum(int(refused) for refused in said) == 30 - NETWORK["export"].most


@pytest.mark.django_db
def test_what_is_counted_names_nobody() -> None:
    too_many(visit(), "sign_up", email="ada@example.org")
    kept = str(list(CacheRow.objects.values()))
    assert CacheRow.objects.count() == 2
    assert "192.0.2" not in kept
    assert "ada" not in kept


@pytest.mark.django_db
def test_without_its_cache_the_house_stays_open(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    }
    assert not too_many(visit(), "sign_up", email="ada@example.org")
    assert caplog.messages == ["Visitors are not counted: Redis is away (ConnectionError)."]
