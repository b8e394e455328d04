"""The staff sign in by address, password and code; guessing is slow, and nothing tells what was wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import NoReverseMatch, reverse

from digest.dashboard.auth.adapters import REFUSED, TOO_MANY, WRONG_CODE
from digest.dashboard.auth.roles import Role
from tests.support.factories import NOON
from tests.support.staff import PASSWORD, code, give_code, one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db
NOT_HERE = ["signup", "password/reset", "email", "confirm-email", "password/set", "2fa", "3rdparty", "inactive"]


@pytest.fixture(autouse=True)
def _nothing_counted_yet() -> None:
    cache.clear()


def sign_in(client: Client, address: str, password: str = PASSWORD, **more: Any) -> Any:
    return client.post("/staff/login/", {"login": address, "password": password}, **more)


def said(answer: Any) -> str:
    """What is wrong, as the page says it."""
    return " ".join(re.findall(r'role="alert">(.*?)</div>|class="wrong"[^>]*>(.*?)</span>', answer.content.decode())[0])


def history() -> list[str]:
    return list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True))


def test_who_gives_address_and_password_comes_to_where_they_wanted_to_go(client: Client) -> None:
    one_of_the_staff(Role.CURATOR)
    answer = client.post(
        "/staff/login/", {"login": "Cleo@Dashboard.example.org ", "password": PASSWORD, "next": "/dashboard/topics"}
    )
    assert answer.headers["Location"] == "/dashboard/topics"
    assert client.get("/dashboard/topics").status_code == 200


def test_a_page_elsewhere_is_no_place_to_go_to(client: Client) -> None:
    one_of_the_staff(Role.CURATOR)
    answer = client.post(
        "/staff/login/",
        {"login": "cleo@dashboard.example.org", "password": PASSWORD, "next": "https://evil.example/dashboard/"},
    )
    assert answer.headers["Location"] == "/dashboard/"


@pytest.mark.parametrize("who", ["unknown", "wrong password", "let go", "no password"])
def test_whatever_is_wrong_one_and_the_same_is_said(client: Client, who: str) -> None:
    user = one_of_the_staff(Role.CURATOR)
    if who == "let go":
        User.objects.update(is_active=False)
    if who == "no password":
        user.set_unusable_password()
        user.save()
    address = "dora@dashboard.example.org" if who == "unknown" else user.email
    answer = sign_in(client, address, "not this one" if who == "wrong password" else PASSWORD, follow=True)
    assert str(REFUSED) in answer.content.decode()
    assert client.get("/dashboard/").status_code == 302


def test_a_visit_ends_with_the_browser_or_after_half_a_day(client: Client) -> None:
    one_of_the_staff(Role.CURATOR)
    answer = sign_in(client, "cleo@dashboard.example.org")
    assert answer.cookies["visit"]["max-age"] == ""
    assert client.session.get_expiry_age() == 12 * 3600


@pytest.mark.parametrize("path", NOT_HERE)
def test_pages_that_nobody_needs_are_not_there(client: Client, path: str) -> None:
    assert client.get(f"/staff/{path}/").status_code == 404
    assert client.post(f"/staff/{path}/", {"email": "eve@evil.example", "password1": PASSWORD}).status_code == 404
    assert not User.objects.exists()


def test_no_page_leads_to_signing_up(client: Client) -> None:
    with pytest.raises(NoReverseMatch):
        reverse("account_signup")
    assert "sign up" not in client.get("/staff/login/").content.decode().lower()


# Guessing (more of it in test_attempts.py) -----------------------------------------------------------------------------------------------------------


def test_an_address_that_nobody_has_waits_just_so(client: Client) -> None:
    for _ in range(5):
        assert str(REFUSED) in said(sign_in(client, "nobody@dashboard.example.org", "a guess"))
    assert str(TOO_MANY) in said(sign_in(client, "nobody@dashboard.example.org", "a guess"))


def test_one_network_cannot_try_many_addresses() -> None:
    # in one moment: at the end of a minute some would count in the next
    with time_machine.travel(NOON, tick=False):
        answers = [said(sign_in(Client(), f"one{number}@dashboard.example.org", "a guess")) for number in range(11)]
    assert [str(TOO_MANY) in answer for answer in answers] == [False] * 10 + [True]


def test_nobody_escapes_by_writing_another_address_before_that_of_the_proxy(settings: Any) -> None:
    settings.PROXIES = 1
    for number in range(10):
        forged = f"198.51.100.{number}, 203.0.113.7"
        sign_in(Client(), f"one{number}@dashboard.example.org", "a guess", HTTP_X_FORWARDED_FOR=forged)
    one_more = sign_in(
        Client(), "ten@dashboard.example.org", "a guess", HTTP_X_FORWARDED_FOR="198.51.100.99, 203.0.113.7"
    )
    assert str(TOO_MANY) in said(one_more)
    elsewhere = sign_in(Client(), "ten@dashboard.example.org", "a guess", HTTP_X_FORWARDED_FOR="203.0.113.8")
    assert str(REFUSED) in said(elsewhere)


def test_a_web_server_that_tells_no_address_is_counted_as_one() -> None:
    for number in range(10):
        sign_in(Client(), f"one{number}@dashboard.example.org", "a guess", REMOTE_ADDR="")
    assert str(TOO_MANY) in said(sign_in(Client(), "ten@dashboard.example.org", "a guess", REMOTE_ADDR=""))


def test_a_flood_of_forms_is_answered_with_a_page_that_says_to_wait(client: Client) -> None:
    for _ in range(30):
        client.post("/staff/login/", {"login": "", "password": ""})
    answer = client.post("/staff/login/", {"login": "", "password": ""})
    assert answer.status_code == 429
    assert "Wait a minute" in answer.content.decode()


# Codes --------------------------------------------------------------------------------------------------------------


def test_who_has_a_code_is_asked_for_it_after_the_password(client: Client) -> None:
    give_code(one_of_the_staff(Role.CURATOR))
    assert sign_in(client, "cleo@dashboard.example.org").headers["Location"] == "/staff/code/"
    assert client.get("/dashboard/").status_code == 302
    assert str(WRONG_CODE) in said(client.post("/staff/code/", {"code": "12345"}))
    assert client.post("/staff/code/", {"code": code()}).headers["Location"] == "/dashboard/"
    assert client.get("/dashboard/").status_code == 200


@pytest.mark.parametrize("ahead", [-1, 1])
def test_a_clock_may_be_half_a_minute_off(client: Client, ahead: int) -> None:
    give_code(one_of_the_staff(Role.CURATOR))
    sign_in(client, "cleo@dashboard.example.org")
    assert client.post("/staff/code/", {"code": code(ahead=ahead)}).status_code == 302


def test_a_code_works_once() -> None:
    give_code(one_of_the_staff(Role.CURATOR))
    first, second, shown = Client(), Client(), code(ahead=1)
    for client in (first, second):
        sign_in(client, "cleo@dashboard.example.org")
    assert first.post("/staff/code/", {"code": shown}).status_code == 302
    assert str(WRONG_CODE) in said(second.post("/staff/code/", {"code": shown}))


def test_codes_cannot_be_guessed_either(client: Client) -> None:
    give_code(one_of_the_staff(Role.CURATOR))
    sign_in(client, "cleo@dashboard.example.org")
    for number in range(5):
        assert str(WRONG_CODE) in said(client.post("/staff/code/", {"code": f"1{number}"}))
    assert str(TOO_MANY) in said(client.post("/staff/code/", {"code": code()}))


def test_setting_up_shows_the_key_as_a_picture_and_as_text_and_then_recovery_codes() -> None:
    client = signed_in(one_of_the_staff(Role.CURATOR))
    page = client.get("/staff/code/set-up/").content.decode()
    secret = re.search(r'id="key">([A-Z2-7]{32})<', page)
    assert 'src="data:image/svg+xml;base64,' in page
    assert secret
    assert not Authenticator.objects.exists()
    shown = code(secret[1])
    answer = client.post("/staff/code/set-up/", {"code": shown}, follow=True)
    assert len(re.findall(r"<code>\d{8}</code>", answer.content.decode())) == 10
    assert history() == ["Set up a second factor"]
    other = Client()
    sign_in(other, "cleo@dashboard.example.org")
    assert str(WRONG_CODE) in said(other.post("/staff/code/", {"code": shown}))


def test_a_wrong_first_code_sets_nothing_up_and_keeps_the_key() -> None:
    client = signed_in(one_of_the_staff(Role.CURATOR))
    keys = [re.findall(r'id="key">(\w+)<', page.content.decode()) for page in (
        client.get("/staff/code/set-up/"), client.post("/staff/code/set-up/", {"code": "no"}))]  # fmt: skip
    assert keys[0] == keys[1]
    assert not Authenticator.objects.exists()
    assert history() == []


def test_a_recovery_code_signs_in_once() -> None:
    user = one_of_the_staff(Role.CURATOR)
    give_code(user)
    mine = signed_in(user, by="mfa")
    mine.post("/staff/recovery-codes/new/")
    spare = re.findall(r"<code>(\d{8})</code>", mine.get("/staff/recovery-codes/").content.decode())[0]
    first, second = Client(), Client()
    for client in (first, second):
        sign_in(client, user.email)
    assert first.post("/staff/code/", {"code": spare}).status_code == 302
    assert str(WRONG_CODE) in said(second.post("/staff/code/", {"code": spare}))
    assert history() == ["Made new recovery codes"]


def test_with_the_outbox_a_code_may_be_switched_off_and_the_history_says_so() -> None:
    user = one_of_the_staff(Role.CURATOR)
    give_code(user)
    client = signed_in(user, by="mfa")
    assert client.get("/staff/code/switch-off/").status_code == 200
    assert Authenticator.objects.exists()
    client.post("/staff/code/switch-off/")
    assert not Authenticator.objects.exists()
    assert history() == ["Switched off the second factor"]


def test_the_password_is_changed_by_who_knows_it_and_other_visits_end() -> None:
    user = one_of_the_staff(Role.CURATOR)
    here, there = signed_in(user), signed_in(user)
    new = {"password1": "four words do well", "password2": "four words do well"}
    assert "not your password" in said(here.post("/staff/password/", {**new, "oldpassword": "a guess"}))
    assert here.post("/staff/password/", {**new, "oldpassword": PASSWORD}).status_code == 302
    assert here.get("/dashboard/").status_code == 200
    assert there.get("/dashboard/").status_code == 302
    assert history() == ["Changed their password"]


def test_signing_out_takes_a_press() -> None:
    client = signed_in(one_of_the_staff(Role.CURATOR))
    client.get("/staff/logout/")
    assert client.get("/dashboard/").status_code == 200
    client.post("/staff/logout/")
    assert client.get("/dashboard/").status_code == 302
