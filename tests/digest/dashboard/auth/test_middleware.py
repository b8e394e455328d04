"""Once mail leaves for real, nothing for the staff opens without a second factor."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from digest.dashboard.auth.roles import Role
from digest.dashboard.pages import PAGES
from tests.support.staff import PASSWORD, code, give_code, one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db
EVERY_PAGE = [
    *(reverse(name) for name, _, _ in PAGES),
    *("/admin/", "/admin/digest/paper/", "/admin/logout/", "/admin/jsi18n/"),
    *("/staff/", "/staff/password/", "/staff/recovery-codes/", "/staff/code/switch-off/"),
]


@pytest.fixture(autouse=True)
def _mail_leaves_for_real(settings: Any) -> None:
    settings.MAIL_PROVIDER = "postmark"
    cache.clear()


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_who_has_no_code_is_led_to_set_it_up(path: str) -> None:
    client = signed_in(one_of_the_staff(Role.OWNER))
    for answer in (client.get(path), client.post(path)):
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/staff/code/set-up/?next=")


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_a_visit_from_before_the_code_proves_it_first(path: str) -> None:
    user = one_of_the_staff(Role.OWNER)
    client = signed_in(user)
    give_code(user)
    answer = client.get(path)
    assert answer.headers["Location"].startswith("/staff/code/again/?next=")
    client.post("/staff/code/again/", {"code": code(), "next": "/dashboard/"})
    assert client.get("/dashboard/").status_code == 200


def test_from_the_password_to_the_code_to_the_dashboard(client: Client) -> None:
    user = one_of_the_staff(Role.CURATOR)
    client.post("/staff/login/", {"login": user.email, "password": PASSWORD})
    page = client.get("/dashboard/", follow=True).content.decode()
    assert "a password alone is not enough" in page
    assert 'aria-label="Dashboard"' not in page
    secret = re.findall(r'id="key">(\w+)<', page)[0]
    assert "Recovery codes" in client.post("/staff/code/set-up/", {"code": code(secret)}, follow=True).content.decode()
    assert client.get("/dashboard/").status_code == 200
    assert client.get("/admin/").status_code == 200


def test_it_cannot_be_switched_off() -> None:
    user = one_of_the_staff(Role.OWNER)
    give_code(user)
    client = signed_in(user, by="mfa")
    assert "cannot be switched off" in client.get("/staff/code/switch-off/").content.decode()
    client.post("/staff/code/switch-off/")
    assert Authenticator.objects.exists()
    assert "Switch off the code" not in client.get("/staff/").content.decode()


def test_who_lost_it_and_had_it_taken_away_sets_up_a_new_one() -> None:
    user = one_of_the_staff(Role.OWNER)
    give_code(user)
    client = signed_in(user, by="mfa")
    assert client.get("/dashboard/").status_code == 200
    Authenticator.objects.all().delete()
    assert client.get("/dashboard/").headers["Location"].startswith("/staff/code/set-up/")


def test_one_may_always_sign_out() -> None:
    client = signed_in(one_of_the_staff(Role.OWNER))
    client.post("/staff/logout/")
    assert client.get("/dashboard/").headers["Location"].startswith("/staff/login/")


def test_readers_pages_ask_nobody_for_a_code() -> None:
    client = signed_in(one_of_the_staff(Role.OWNER))
    assert client.get("/").status_code == 200


def test_it_costs_one_query(django_assert_max_num_queries: Any, settings: Any) -> None:
    user = one_of_the_staff(Role.OWNER)
    give_code(user)
    client = signed_in(user, by="mfa")
    with django_assert_max_num_queries(4):  # session, user, code, roles
        assert client.get("/staff/logout/").status_code == 200


def test_with_the_outbox_a_password_is_enough(settings: Any) -> None:
    settings.MAIL_PROVIDER = "outbox"
    assert signed_in(one_of_the_staff(Role.OWNER)).get("/dashboard/").status_code == 200
