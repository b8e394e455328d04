"""Every page of the dashboard opens for whom it is for, and for nobody else."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from digest.dashboard.auth.roles import Role
from digest.dashboard.pages import PAGES
from tests.support.staff import one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db
ALL = [name for name, _, _ in PAGES]


@pytest.mark.parametrize("name", ALL)
def test_who_is_not_signed_in_is_asked_to_and_comes_back(name: str, client: Client) -> None:
    answer = client.get(reverse(name))
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/staff/login/?next={reverse(name)}"


@pytest.mark.parametrize("name", ALL)
def test_a_user_who_is_not_on_the_staff_is_refused(name: str) -> None:
    stranger = one_of_the_staff(*Role)
    stranger.is_staff = False
    stranger.save()
    assert signed_in(stranger).get(reverse(name)).status_code == 403


@pytest.mark.parametrize(("name", "role"), [(name, role) for name, _, role in PAGES])
def test_a_page_opens_for_its_role(name: str, role: Role | None) -> None:
    others = [one for one in (Role.CURATOR, Role.SENDER) if one is not role]
    assert signed_in(one_of_the_staff(*others)).get(reverse(name)).status_code == (403 if role else 200)
    if role:
        assert signed_in(one_of_the_staff(role, name="dora")).get(reverse(name)).status_code == 200
    assert signed_in(one_of_the_staff(Role.OWNER, name="olga")).get(reverse(name)).status_code == 200
