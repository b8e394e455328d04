"""On the page Staff, owners give roles; nobody else does, and an owner always stays."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from digest.dashboard.auth.roles import Role, roles_of
from tests.support.staff import PASSWORD, one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def dora() -> User:
    return one_of_the_staff(Role.CURATOR, name="dora")


def change(client: Client, user: User, *roles: str) -> int:
    return client.post(reverse("dashboard_give_roles", args=[user.pk]), {"roles": roles}).status_code


def roles(user: User) -> frozenset[Role]:
    return roles_of(User.objects.get(pk=user.pk))


def test_an_owner_gives_roles_and_the_audit_log_says_which(dora: User) -> None:
    owner = one_of_the_staff(Role.OWNER)
    assert change(signed_in(owner), dora, Role.CURATOR, Role.PRIVACY) == 302
    assert roles(dora) == {Role.CURATOR, Role.PRIVACY}
    said = LogEntry.objects.filter(user=owner).values_list("change_message", flat=True)
    assert "Roles: curator, privacy (before: curator)" in said


def test_what_is_no_role_is_left_out_and_no_change_is_no_line_in_the_log(dora: User) -> None:
    assert change(signed_in(one_of_the_staff(Role.OWNER)), dora, Role.CURATOR, "emperor") == 302
    assert roles(dora) == {Role.CURATOR}
    assert not LogEntry.objects.exists()


def test_an_owner_is_asked_again_before_roles_change(dora: User) -> None:
    client = signed_in(one_of_the_staff(Role.OWNER), seconds_ago=600)
    assert change(client, dora, Role.OWNER) == 302
    assert roles(dora) == {Role.CURATOR}
    path = reverse("dashboard_give_roles", args=[dora.pk])
    assert client.post("/staff/again/", {"password": PASSWORD, "next": path}).status_code == 302
    assert Role.OWNER in roles(dora)


@pytest.mark.parametrize("role", [Role.CURATOR, Role.SENDER, Role.PRIVACY])
def test_nobody_else_gives_roles_or_sees_the_page(role: Role, dora: User) -> None:
    client = signed_in(one_of_the_staff(role))
    assert change(client, dora, Role.OWNER) == 403
    assert client.get(reverse("dashboard_staff")).status_code == 403


def test_the_last_owner_stays_an_owner(dora: User) -> None:
    owner = one_of_the_staff(Role.OWNER)
    client = signed_in(owner)
    change(client, owner, Role.CURATOR)
    assert Role.OWNER in roles(owner)
    assert "somebody else must be an owner first" in client.get(reverse("dashboard_staff")).content.decode()
    change(client, dora, Role.OWNER)
    change(client, owner, Role.CURATOR)
    assert roles(owner) == {Role.CURATOR}


def test_an_owner_does_not_reach_a_superuser(dora: User) -> None:
    User.objects.filter(pk=dora.pk).update(is_superuser=True)
    client = signed_in(one_of_the_staff(Role.OWNER))
    change(client, dora)
    assert set(dora.groups.values_list("name", flat=True)) == {Role.CURATOR}
    page = client.get(reverse("dashboard_staff")).content.decode()
    assert "./run manage staff" in page
    assert "disabled" in page


def test_who_was_removed_is_not_listed_and_gets_no_role(dora: User) -> None:
    User.objects.filter(pk=dora.pk).update(is_active=False)
    client = signed_in(one_of_the_staff(Role.OWNER))
    assert dora.email not in client.get(reverse("dashboard_staff")).content.decode()
    assert change(client, dora, Role.OWNER) == 404
