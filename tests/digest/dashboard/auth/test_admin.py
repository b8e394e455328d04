"""Each role sees its read-only tables of the admin, and nobody changes a row there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

import digest.config.urls  # noqa: F401 (it removes the tables that are not ours)
from digest.dashboard import urls
from digest.dashboard.auth import views
from digest.dashboard.auth.roles import Role, seed_groups
from digest.models import Delivery
from digest.record import DigestRecord
from tests.support.database_rows import every_row
from tests.support.factories import delivery, reader
from tests.support.staff import give_code, one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db
FOR_ALL = {"logentry", "identifier", "sighting", "papersummary", "editionpaper", "delivery", "batch", "lease"}
FOR_PRIVACY = {"deliveryevent", "suppression", "consentevent", "logintoken", "linkrequest", "ratecounter"}


def tables(client: Client) -> set[str]:
    answers = {path: client.get(path).status_code for path in table_paths()}
    assert set(answers.values()) <= {200, 403}
    return {path.split("/")[3] for path, status in answers.items() if status == 200}


def table_paths() -> list[str]:
    return [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry]


@pytest.mark.parametrize("role", [Role.CURATOR, Role.SENDER])
def test_tables_with_traces_of_readers_are_closed_to_who_steers_the_day(role: Role) -> None:
    assert tables(signed_in(one_of_the_staff(role))) == FOR_ALL


@pytest.mark.parametrize("role", [Role.PRIVACY, Role.OWNER])
def test_privacy_and_owners_see_every_table(role: Role) -> None:
    assert tables(signed_in(one_of_the_staff(role))) == FOR_ALL | FOR_PRIVACY


def test_who_has_no_role_sees_no_table() -> None:
    assert tables(signed_in(one_of_the_staff())) == set()


def test_no_table_can_be_written_even_by_a_superuser() -> None:
    row = delivery(reader("ada"), status="skipped")
    client = signed_in(one_of_the_staff(Role.OWNER, is_superuser=True))
    for path in table_paths():
        assert client.get(f"{path}add/").status_code == 403, path
        assert "delete_selected" not in client.get(path).content.decode()
    change = f"/admin/digest/delivery/{row.pk}/change/"
    assert client.get(change).status_code == 200
    assert client.post(change, {"status": "ready"}).status_code == 403
    assert client.post(f"/admin/digest/delivery/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Delivery.objects.get().status == "skipped"


def test_deliveries_do_not_tell_whose_they_are() -> None:
    ada = reader("ada")
    row = delivery(ada, status="skipped", record=DigestRecord(asked_for=["bees"]))
    curator = signed_in(one_of_the_staff(Role.CURATOR))
    assert "0 deliveries" in curator.get("/admin/digest/delivery/", {"q": ada.email}).content.decode()
    assert curator.get("/admin/digest/delivery/", {"subscriber__email": ada.email}).status_code in (302, 400)
    page = curator.get(f"/admin/digest/delivery/{row.pk}/change/").content.decode()
    assert "bees" not in page
    assert ada.email not in page


def test_a_role_has_just_what_is_laid_down_whatever_stood_there() -> None:
    before = {group.name: set(group.permissions.all()) for group in Group.objects.all()}
    assert set(before) == set(Role)
    Group.objects.get(name=Role.SENDER).permissions.set(Group.objects.get(name=Role.OWNER).permissions.all())
    Group.objects.get(name=Role.CURATOR).permissions.clear()
    seed_groups()
    assert {group.name: set(group.permissions.all()) for group in Group.objects.all()} == before


def test_the_secrets_of_signing_in_are_in_no_table() -> None:
    hidden = {"authenticator", "emailaddress", "user", "group"}
    assert {model._meta.model_name for model in admin.site._registry} & hidden == set()


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
    return [*(reverse(one.name) for one in named if one.name), "/admin/", *table_paths()]
