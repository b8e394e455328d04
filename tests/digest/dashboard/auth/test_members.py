"""People come on the staff, get roles, lose a phone, and leave; the history keeps it without their addresses."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from digest.dashboard.auth import members
from digest.dashboard.auth.roles import Role, roles_of
from tests.support.staff import give_code, one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db
PASSWORD = "four words do well"


def history() -> list[str]:
    return list(LogEntry.objects.order_by("pk").values_list("change_message", flat=True))


def test_who_is_taken_on_can_sign_in_with_a_verified_address(client: Client) -> None:
    user = members.add_member(" Ada@Dashboard.example.org", [Role.CURATOR, Role.SENDER], password=PASSWORD)
    assert roles_of(user) == {Role.CURATOR, Role.SENDER}
    assert EmailAddress.objects.get(user=user, verified=True, primary=True).email == "ada@dashboard.example.org"
    client.post("/staff/login/", {"login": "ada@dashboard.example.org", "password": PASSWORD})
    assert client.get("/dashboard/").status_code == 200


def test_the_history_tells_who_came_as_what_and_no_address() -> None:
    user = members.add_member("ada@dashboard.example.org", [Role.SENDER, Role.CURATOR], password=PASSWORD)
    members.give_roles(user, [Role.OWNER])
    members.give_password(user, "other words do well")
    members.deactivate(user)
    assert history() == [
        "Added on the server as curator, sender",
        "Roles set on the server: owner",
        "Password reset on the server",
        "Deactivated on the server",
    ]
    assert "@" not in str(list(LogEntry.objects.values_list("object_repr", "user__username", "change_message")))


def test_two_of_the_same_name_are_told_apart() -> None:
    names = [
        members.add_member(f"ada@{host}.example.org", [Role.CURATOR], password=PASSWORD).username for host in "abc"
    ]
    assert names == ["ada", "ada2", "ada3"]


def test_a_new_password_ends_visits_with_the_old_one() -> None:
    user = one_of_the_staff(Role.CURATOR)
    visit = signed_in(user)
    members.give_password(user, PASSWORD)
    assert visit.get("/dashboard/").status_code == 302


def test_who_is_let_go_is_out_at_once_and_what_they_did_stays() -> None:
    user = one_of_the_staff(Role.OWNER)
    give_code(user)
    visit = signed_in(user)
    members.give_roles(user, [Role.CURATOR])
    members.deactivate(user)
    assert visit.get("/dashboard/").status_code == 302
    assert history() == ["Roles set on the server: curator", "Deactivated on the server"]
    assert not Authenticator.objects.exists()
    assert not EmailAddress.objects.exists()


def test_who_comes_back_is_the_same_member_with_new_roles_only() -> None:
    user = one_of_the_staff(Role.OWNER)
    members.deactivate(user)
    again = members.add_member(user.email, [Role.CURATOR], password=PASSWORD)
    assert again.pk == user.pk
    assert roles_of(again) == {Role.CURATOR}


def test_a_lost_code_is_taken_away_once() -> None:
    user = one_of_the_staff(Role.CURATOR)
    give_code(user)
    assert members.reset_2fa(user)
    assert not members.reset_2fa(user)
    assert history() == ["Second factor reset on the server"]


def test_passwords_that_are_made_are_long_easy_to_type_and_never_the_same() -> None:
    made = {members.new_password() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"([a-z2-9]{4}-){3}[a-z2-9]{4}", one) and not set(one) & set("il1o0") for one in made)


def test_no_first_login_is_laid_down_where_mail_leaves_for_real(settings: Any) -> None:
    settings.MAIL_PROVIDER = "postmark"
    assert members.seed_demo_login() == ""
    assert not User.objects.exists()


def test_a_first_login_is_laid_down_only_where_nobody_ever_had_one(client: Client) -> None:
    password = members.seed_demo_login()
    client.post("/staff/login/", {"login": "curator@broadsheet.invalid", "password": password})
    assert client.get("/dashboard/readers").status_code == 200
    assert members.seed_demo_login() == ""
    members.deactivate(User.objects.get())
    assert members.seed_demo_login() == ""
