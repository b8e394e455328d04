"""The doctor looks at who may sign in once mail leaves for real."""

from __future__ import annotations

from typing import Any

import pytest

from digest.dashboard.auth import members
from digest.dashboard.auth.roles import Role
from digest.diagnostics.check_result import Severity
from digest.diagnostics.staff_accounts import examine_staff_accounts
from digest.two_factor import DEMONSTRATION
from tests.support.staff import give_code, one_of_the_staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def _mail_leaves_for_real(settings: Any) -> None:
    settings.MAIL_PROVIDER = "postmark"


def found() -> list[tuple[Severity, str]]:
    return [(one.severity, one.seen) for one in examine_staff_accounts()]


def test_with_the_outbox_there_is_nothing_to_say() -> None:
    one_of_the_staff(Role.OWNER)
    assert found() == []


@pytest.mark.usefixtures("_mail_leaves_for_real")
def test_who_has_no_second_factor_is_counted() -> None:
    cleo = one_of_the_staff(Role.OWNER)
    assert found() == [
        (Severity.ATTENTION, "one member of the staff has no second factor and no access before they set it up")
    ]
    members.reset_2fa(one_of_the_staff(Role.CURATOR, name="dora"))
    assert found()[0][1].startswith("2 members of the staff have no second factor")
    give_code(cleo)
    members.deactivate(members.find_member("dora@dashboard.example.org") or cleo)
    assert found() == [(Severity.WELL, "every member of the staff has one")]


@pytest.mark.usefixtures("_mail_leaves_for_real")
def test_a_demonstration_login_that_is_left_is_named_until_it_is_gone() -> None:
    members.add_member(DEMONSTRATION, [Role.OWNER], password="four words do well")
    (one,) = [one for one in examine_staff_accounts() if one.severity == Severity.ATTENTION]
    assert DEMONSTRATION in one.seen
    assert one.do == f"Run: ./run manage staff {DEMONSTRATION} --remove"
    members.deactivate(members.find_member(DEMONSTRATION))
    assert [severity for severity, _ in found()] == [Severity.WELL]


@pytest.mark.usefixtures("_mail_leaves_for_real")
def test_an_installation_without_staff_is_well_and_told_how_to_begin() -> None:
    assert found() == [
        (Severity.WELL, "nobody can sign in; to create a login, run ./run manage staff ADDRESS --role owner")
    ]
