"""In the plain admin each role sees its tables; members are the owners' business, and asked again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

import digest.config.urls  # noqa: F401 (it arranges the admin)
from digest.dashboard import urls
from digest.dashboard.auth import views
from digest.dashboard.auth.roles import Role, roles_of, seed_groups
from digest.models import Delivery
from digest.record import DigestRecord
from tests.support.database_rows import every_row
from tests.support.factories import delivery, reader
from tests.support.staff import PASSWORD, give_code, one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db
OURS = [model for app in ("digest", "subscriptions") for model in apps.get_app_config(app).get_models()]
WITH_READERS = {
    *("subscriber", "preference", "suppression", "consentevent", "logintoken", "linkrequest", "ratecounter"),
    *("verdict", "deliveryevent", "deliverycontent"),
}


def tables(client: Client) -> set[str]:
    answers = {
        model._meta.model_name or "": client.get(
            f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        ).status_code
        for model in admin.site._registry
    }
    assert set(answers.values()) <= {200, 403}
    return {name for name, status in answers.items() if status == 200}


@pytest.mark.parametrize("role", [Role.CURATOR, Role.SENDER])
def test_tables_of_readers_are_closed_to_who_steers_the_day(role: Role) -> None:
    seen = tables(signed_in(one_of_the_staff(role)))
    assert seen == {str(model._meta.model_name) for model in OURS} - WITH_READERS


def test_privacy_sees_every_table_but_the_staff_and_an_owner_that_too() -> None:
    every = {str(model._meta.model_name) for model in OURS}
    assert tables(signed_in(one_of_the_staff(Role.PRIVACY))) == every
    assert tables(signed_in(one_of_the_staff(Role.OWNER, name="olga"))) == every | {"user", "group"}


def test_who_has_no_role_sees_no_table() -> None:
    assert tables(signed_in(one_of_the_staff())) == set()


def test_only_curators_and_owners_change_papers_picks_sources_and_topics() -> None:
    for role in Role:
        client = signed_in(one_of_the_staff(role, name=role))
        expected = 200 if role in (Role.CURATOR, Role.OWNER) else 403
        for path in ("digest/curatorpick", "digest/source", "subscriptions/topic"):
            assert client.get(f"/admin/{path}/add/").status_code == expected, (role, path)


def test_searching_deliveries_does_not_tell_whose_address_is_known() -> None:
    ada = reader("ada")
    delivery(ada, status="skipped", record=DigestRecord(asked_for=["bees"]))
    path, row = "/admin/digest/delivery/", f"/admin/digest/delivery/{Delivery.objects.get().pk}/change/"
    curator, privacy = (signed_in(one_of_the_staff(role, name=role)) for role in (Role.CURATOR, Role.PRIVACY))
    assert "1 delivery" in privacy.get(path, {"q": ada.email}).content.decode()
    assert "0 deliveries" in curator.get(path, {"q": ada.email}).content.decode()
    assert curator.get(path, {"subscriber__email": ada.email}).status_code in (302, 400)
    content = f"/admin/digest/deliverycontent/{Delivery.objects.get().pk}/change/"
    assert "bees" in privacy.get(content).content.decode()
    assert curator.get(content).status_code == 403
    page = curator.get(row).content.decode()
    assert "bees" not in page
    assert ada.email not in page


def test_a_role_has_just_what_is_laid_down_whatever_stood_there() -> None:
    before = {group.name: set(group.permissions.all()) for group in Group.objects.all()}
    assert set(before) == set(Role)
    Group.objects.get(name=Role.SENDER).permissions.set(Group.objects.get(name=Role.OWNER).permissions.all())
    Group.objects.get(name=Role.CURATOR).permissions.clear()
    seed_groups()
    assert {group.name: set(group.permissions.all()) for group in Group.objects.all()} == before


# The staff -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def dora() -> User:
    return one_of_the_staff(Role.CURATOR, name="dora")


def change(client: Client, user: User, *roles: Role) -> int:
    groups = list(Group.objects.filter(name__in=roles).values_list("pk", flat=True))
    return client.post(f"/admin/auth/user/{user.pk}/change/", {"groups": groups, "is_active": "on"}).status_code


def test_an_owner_gives_roles_and_the_history_says_which(dora: User) -> None:
    owner = one_of_the_staff(Role.OWNER)
    assert change(signed_in(owner), dora, Role.CURATOR, Role.PRIVACY) == 302
    assert roles_of(User.objects.get(pk=dora.pk)) == {Role.CURATOR, Role.PRIVACY}
    said = LogEntry.objects.filter(user=owner).values_list("change_message", flat=True)
    assert "Roles: curator, privacy (before: curator)" in said


def test_an_owner_is_asked_again_before_roles_change(dora: User) -> None:
    owner = one_of_the_staff(Role.OWNER)
    client = signed_in(owner, seconds_ago=600)
    assert change(client, dora, Role.OWNER) == 302
    assert roles_of(User.objects.get(pk=dora.pk)) == {Role.CURATOR}
    path = f"/admin/auth/user/{dora.pk}/change/"
    assert client.post("/staff/again/", {"password": PASSWORD, "next": path}).status_code == 302
    assert Role.OWNER in roles_of(User.objects.get(pk=dora.pk))


@pytest.mark.parametrize("role", [Role.CURATOR, Role.SENDER, Role.PRIVACY])
def test_nobody_else_gives_roles(role: Role, dora: User) -> None:
    client = signed_in(one_of_the_staff(role))
    assert change(client, dora, Role.OWNER) == 403
    assert client.get(f"/admin/auth/user/{dora.pk}/change/").status_code == 403


def test_nobody_is_added_or_deleted_there_and_no_password_set(dora: User) -> None:
    client = signed_in(one_of_the_staff(Role.OWNER))
    assert client.post("/admin/auth/user/add/", {"username": "eve"}).status_code == 403
    assert client.post(f"/admin/auth/user/{dora.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(
        f"/admin/auth/user/{dora.pk}/password/", {"password1": "eve eve eve eve", "password2": "eve eve eve eve"}
    )
    assert User.objects.get(pk=dora.pk).check_password(PASSWORD)
    assert "./run manage staff" in client.get("/admin/auth/user/").content.decode()


def test_an_owner_does_not_reach_a_superuser_nor_becomes_one(dora: User) -> None:
    User.objects.filter(pk=dora.pk).update(is_superuser=True)
    owner = one_of_the_staff(Role.OWNER)
    assert change(signed_in(owner), dora) == 403
    signed_in(owner).post(
        f"/admin/auth/user/{owner.pk}/change/",
        {"groups": list(owner.groups.values_list("pk", flat=True)), "is_active": "on", "is_superuser": "on"},
    )
    assert not User.objects.get(pk=owner.pk).is_superuser


def test_the_secrets_of_signing_in_are_in_no_table(dora: User) -> None:
    give_code(dora)
    assert {model._meta.model_name for model in admin.site._registry} & {"authenticator", "emailaddress"} == set()


def test_the_admin_leads_back_to_the_dashboard_and_to_its_sign_in() -> None:
    client = signed_in(one_of_the_staff(Role.CURATOR))
    page = client.get("/admin/").content.decode()
    assert 'href="/dashboard/"' in page
    assert 'href="/staff/"' in page
    assert client.get("/admin/password_change/").headers["Location"] == "/staff/password/"
    assert Client().get("/admin/login/").headers["Location"].startswith("/staff/login/")


def test_to_look_at_any_page_for_the_staff_changes_nothing() -> None:
    owner = one_of_the_staff(Role.OWNER)
    give_code(owner)
    client = signed_in(owner, by="mfa")
    client.post("/staff/recovery-codes/new/")
    client.get("/staff/recovery-codes/")  # notes that they were shown, the first time
    before = dict(_rows())
    for path in _every_path():
        for ask in (client.get, client.head, client.options):
            assert ask(path).status_code < 500, path
    assert dict(_rows()) == before


def _rows() -> Iterator[tuple[str, list]]:
    return ((name, rows) for name, rows in every_row() if name != "sessions.Session")


def _every_path() -> list[str]:
    """Of the dashboard and of signing in, those that need no number; and each table of the admin."""
    named = [one for one in (*urls.urlpatterns, *views.urlpatterns) if not one.pattern.converters and one.name]
    lists = [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry]
    return [*(reverse(one.name) for one in named if one.name), "/admin/", *lists]
