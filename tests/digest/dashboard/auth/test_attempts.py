"""Wrong passwords and codes: guessing is slow, and nobody can keep a member out from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import Client

from digest.dashboard.auth import attempts
from digest.dashboard.auth.adapters import REFUSED, TOO_MANY, WRONG_CODE
from digest.dashboard.auth.roles import Role
from subscriptions.retention import delete_expired
from tests.support.factories import NOON
from tests.support.services import Installation
from tests.support.staff import PASSWORD, code, give_code, one_of_the_staff

CLEO = "cleo@dashboard.example.org"
HOME, ELSEWHERE = "203.0.113.7", "198.51.100.9"


@pytest.fixture
def clock(db: None) -> Iterator[Any]:
    cache.clear()
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def sign_in(client: Client, password: str = PASSWORD, *, address: str = CLEO, ip: str = ELSEWHERE) -> str:
    """Return what the page says is wrong, or where it leads."""
    answer = client.post("/staff/login/", {"login": address, "password": password}, REMOTE_ADDR=ip)
    return said(answer)


def said(answer: Any) -> str:
    if "Location" in answer.headers:
        return str(answer.headers["Location"])
    found = re.search(r'role="alert">(.*?)</div>|class="wrong"[^>]*>(.*?)</span>', answer.content.decode())
    return re.sub(r"<.*?>", "", found[1] or found[2]) if found else str(answer.status_code)


def guess(times: int = 5, *, ip: str = ELSEWHERE, client: Client | None = None) -> list[str]:
    return [sign_in(client or Client(), f"guess {number}", ip=ip) for number in range(times)]


def known_device() -> Client:
    """A browser in which Cleo has signed in, and out again."""
    client = Client()
    sign_in(client, ip=HOME)
    client.post("/staff/logout/")
    return client


def test_after_five_wrong_passwords_from_one_network_even_the_right_one_waits_there(clock: Any) -> None:
    one_of_the_staff(Role.CURATOR)
    assert guess() == [REFUSED] * 5
    assert sign_in(Client()) == TOO_MANY
    assert sign_in(Client(), address="CLEO@dashboard.example.org") == TOO_MANY
    clock.shift(timedelta(minutes=5))
    assert sign_in(Client()) == "/dashboard/"


@pytest.mark.slow
def test_guesses_from_elsewhere_keep_nobody_out(clock: Any) -> None:
    one_of_the_staff(Role.CURATOR)
    for network in range(60):
        guess(6, ip=f"198.51.100.{network}")
    assert sign_in(Client(), ip=HOME) == "/dashboard/"


def test_a_known_device_gets_in_while_others_guess_in_its_own_network(clock: Any) -> None:
    one_of_the_staff(Role.CURATOR)
    browser = known_device()
    for _ in range(40):
        sign_in(Client(), "a guess", ip=HOME)
    assert sign_in(Client(), ip=HOME) == "429"
    assert sign_in(browser, ip=HOME) == "/dashboard/"


def test_a_known_device_may_not_guess_either(clock: Any) -> None:
    one_of_the_staff(Role.CURATOR)
    browser = known_device()
    assert guess(client=browser) == [REFUSED] * 5
    assert sign_in(browser) == TOO_MANY
    # its network has not failed
    assert sign_in(Client(), ip=ELSEWHERE) == "/dashboard/"


def test_a_device_is_known_for_its_own_member_only(clock: Any) -> None:
    one_of_the_staff(Role.CURATOR)
    one_of_the_staff(Role.SENDER, name="dora")
    browser = known_device()
    for _ in range(5):
        sign_in(browser, "a guess", address="dora@dashboard.example.org")
    assert sign_in(Client(), address="dora@dashboard.example.org") == TOO_MANY


@pytest.mark.parametrize("forged", ["", "1", "device", "WyJhIiwiYiJd:1sxyzA:forged", "%00" * 3000])
def test_a_forged_cookie_makes_no_device_known(clock: Any, forged: str) -> None:
    one_of_the_staff(Role.CURATOR)
    client = Client()
    for number in range(6):
        client.cookies[attempts.COOKIE] = forged
        answer = sign_in(client, f"guess {number}")
    assert answer == TOO_MANY


def test_a_device_is_forgotten_after_a_year(clock: Any) -> None:
    one_of_the_staff(Role.CURATOR)
    browser = known_device()
    value = browser.cookies[attempts.COOKIE].value
    clock.shift(timedelta(days=366))
    guess(ip=HOME)
    browser.cookies[attempts.COOKIE] = value
    assert sign_in(browser, ip=HOME) == TOO_MANY


def test_the_cookie_of_a_device_is_out_of_reach_of_scripts_and_says_no_address(clock: Any) -> None:
    one_of_the_staff(Role.CURATOR)
    cookie = known_device().cookies[attempts.COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert "cleo" not in cookie.value


def test_with_a_stolen_password_codes_are_guessed_slowly_from_anywhere_and_the_member_still_gets_in(clock: Any) -> None:
    give_code(one_of_the_staff(Role.CURATOR))
    browser = Client()
    sign_in(browser, ip=HOME)
    assert browser.post("/staff/code/", {"code": code()}, REMOTE_ADDR=HOME).status_code == 302
    browser.post("/staff/logout/")
    clock.shift(timedelta(minutes=10))
    answers = []
    for number in range(7):
        thief = Client()
        assert sign_in(thief, ip=f"198.51.100.{number}") == "/staff/code/"
        answers.append(said(thief.post("/staff/code/", {"code": f"00000{number}"}, REMOTE_ADDR=f"198.51.100.{number}")))
    assert answers == [WRONG_CODE] * 5 + [TOO_MANY] * 2
    sign_in(browser, ip=HOME)
    assert browser.post("/staff/code/", {"code": code()}, REMOTE_ADDR=HOME).status_code == 302


@pytest.mark.slow
def test_four_hundred_failures_for_other_addresses_push_out_no_count_and_no_spent_code(clock: Any) -> None:
    give_code(one_of_the_staff(Role.CURATOR))
    guess(ip=HOME)
    spent, first, second = code(), Client(), Client()
    for client in (first, second):
        sign_in(client)
    assert first.post("/staff/code/", {"code": spent}, REMOTE_ADDR=ELSEWHERE).status_code == 302
    for number in range(420):
        sign_in(Client(), "a guess", address=f"one{number}@dashboard.example.org", ip=f"192.0.2.{number % 250}")
    assert sign_in(Client(), ip=HOME) == TOO_MANY
    assert said(second.post("/staff/code/", {"code": spent}, REMOTE_ADDR=ELSEWHERE)) == WRONG_CODE


def test_expired_counts_and_codes_are_deleted_and_others_stay(clock: Any) -> None:
    cache.set("spent", "y", timeout=90)
    cache.set("later", "y", timeout=3600)
    delete_expired(NOON + timedelta(minutes=5))
    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key FROM cache")
        assert cursor.fetchall() == [(":1:later",)]


@pytest.mark.service
def test_the_staff_sign_in_while_redis_is_down(tmp_path: Path) -> None:
    installation = Installation.at(tmp_path, REDIS_URL="redis://127.0.0.1:9/0", SITE_URL="http://localhost")
    installation.prepare()
    done = installation.run("-c", SIGN_IN)
    assert done.split() == ["/staff/code/", "/dashboard/", "200"]


SIGN_IN = """
import django; django.setup()
from django.conf import settings
from django.test import Client
from digest.dashboard.auth.roles import Role
from tests.support.staff import PASSWORD, code, give_code, one_of_the_staff
give_code(one_of_the_staff(Role.CURATOR))
client = Client(SERVER_NAME="localhost")
form = {"login": "cleo@dashboard.example.org", "password": PASSWORD}
print(client.post("/staff/login/", form).headers["Location"])
print(client.post("/staff/code/", {"code": code()}).headers["Location"])
print(client.get("/dashboard/").status_code)
"""
