"""The staff sign in with a real browser: password, code, what is asked again, and what guessing comes to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import cache
from playwright.sync_api import Browser, expect

from digest.dashboard.auth.adapters import REFUSED, TOO_MANY, WRONG_CODE
from digest.dashboard.auth.roles import Role, roles_of
from tests.support.staff import PASSWORD, give_code, one_of_the_staff
from tests.support.staff_browser import Phone, heading, sign_in, type_code
from tests.support.visitor import Visitor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def curator(browser: Browser, live_server: Any) -> Iterator[Visitor]:
    cache.clear()
    here: Any = SimpleNamespace(url=live_server.url)
    with Visitor.with_browser(browser, here) as visitor:
        yield visitor


def let_time_pass() -> None:
    """So much that each proof of who is there is an hour old."""
    for row in Session.objects.all():
        session = SessionStore(row.session_key)
        for record in session.get(AUTHENTICATION_METHODS_SESSION_KEY, []):
            record["at"] -= 3600
        session.modified = True
        session.save()


def test_once_mail_leaves_a_newcomer_sets_up_a_code_and_signs_in_with_it(curator: Visitor, settings: Any) -> None:
    settings.MAIL_PROVIDER = "postmark"
    cleo = one_of_the_staff(Role.CURATOR)
    curator.open("/dashboard/")
    curator.look("dashboard-sign-in")
    sign_in(curator, cleo.email, "a guess")
    expect(curator.page.get_by_role("alert")).to_have_text(str(REFUSED))
    curator.look("dashboard-sign-in-refused")
    sign_in(curator, cleo.email)
    heading(curator, "Set up your code")
    curator.look("dashboard-set-up-code")
    phone = Phone(curator.page.locator("#key").inner_text())
    assert curator.page.locator(".qr").evaluate("(image) => image.complete && image.naturalWidth > 0")
    type_code(curator, "000 000", "Set up the code")
    expect(curator.page.locator(".wrong")).to_have_text(str(WRONG_CODE))
    curator.look("dashboard-set-up-code-refused")
    curator.open("/admin/")
    heading(curator, "Set up your code")
    phone = Phone(curator.page.locator("#key").inner_text())
    used = phone.code()
    type_code(curator, used, "Set up the code")
    heading(curator, "Recovery codes")
    curator.look("dashboard-recovery-codes")
    curator.follow("Continue to the dashboard")
    expect(curator.page).to_have_title(re.compile("^Today "))
    curator.follow("Sign-in")
    expect(curator.page.get_by_text("The code is required, since this service sends real mail.")).to_be_visible()
    curator.look("dashboard-your-sign-in")
    curator.press("Sign out")
    heading(curator, "Sign in")

    curator.open("/dashboard/topics")
    sign_in(curator, cleo.email)
    heading(curator, "Your code")
    curator.look("dashboard-code")
    type_code(curator, used, "Sign in")
    expect(curator.page.locator(".wrong")).to_have_text(str(WRONG_CODE))
    type_code(curator, phone.code(), "Sign in")
    heading(curator, "Topics")


def test_an_act_is_asked_again_and_goes_on_where_it_was_once(curator: Visitor) -> None:
    owner, dora = one_of_the_staff(Role.OWNER), one_of_the_staff(Role.CURATOR, name="dora")
    give_code(owner)
    phone = Phone()
    curator.open("/dashboard/staff")
    sign_in(curator, owner.email)
    type_code(curator, phone.code(), "Sign in")
    heading(curator, "Staff")
    let_time_pass()
    curator.reload()
    row = curator.page.get_by_role("group", name=dora.email)
    row.get_by_label("sender").check()
    row.get_by_role("button", name="Save", exact=True).click()
    heading(curator, "Confirm with a code")
    curator.look("dashboard-asked-again")
    assert roles_of(dora) == {Role.CURATOR}
    type_code(curator, "000000", "Continue")
    expect(curator.page.locator(".wrong")).to_have_text(str(WRONG_CODE))
    assert not LogEntry.objects.exists()
    type_code(curator, phone.code(), "Continue")
    expect(curator.page.get_by_text("The roles count from this member’s next click.")).to_be_visible()
    curator.look("dashboard-staff")
    curator.page.go_back()
    curator.reload()
    said = list(LogEntry.objects.values_list("change_message", flat=True))
    assert [one for one in said if one.startswith("Roles")] == ["Roles: curator, sender (before: curator)"]
    assert set(dora.groups.values_list("name", flat=True)) == {Role.CURATOR, Role.SENDER}


def test_without_a_code_the_password_is_asked_and_can_be_changed(curator: Visitor) -> None:
    cleo = one_of_the_staff(Role.CURATOR)
    curator.open("/staff/")
    sign_in(curator, cleo.email)
    heading(curator, "Your sign-in")
    curator.look("dashboard-your-sign-in-without-code")
    let_time_pass()
    curator.follow("Set up a code")
    heading(curator, "Confirm your password")
    curator.look("dashboard-asked-password")
    curator.page.get_by_label("Password").fill(PASSWORD)
    curator.press("Continue")
    heading(curator, "Set up your code")
    curator.open("/staff/password/")
    curator.page.get_by_label("Current password").fill(PASSWORD)
    curator.page.get_by_label("New password", exact=True).fill("short")
    curator.page.get_by_label("New password again").fill("short")
    curator.press("Change the password")
    curator.look("dashboard-change-password-refused")
    curator.page.get_by_label("Current password").fill(PASSWORD)
    curator.page.get_by_label("New password", exact=True).fill("four words do well")
    curator.page.get_by_label("New password again").fill("four words do well")
    curator.press("Change the password")
    expect(curator.page.get_by_text("The password is changed.")).to_be_visible()


def test_guessing_comes_to_an_end_and_says_how_long(curator: Visitor) -> None:
    cleo = one_of_the_staff(Role.CURATOR)
    curator.open("/dashboard/")
    for _ in range(5):
        sign_in(curator, cleo.email, "a guess")
        expect(curator.page.get_by_role("alert")).to_have_text(str(REFUSED))
    sign_in(curator, cleo.email)
    expect(curator.page.get_by_role("alert")).to_have_text(str(TOO_MANY))
    token = curator.page.locator("main [name=csrfmiddlewaretoken]").input_value()
    for _ in range(25):
        empty = {"csrfmiddlewaretoken": token, "login": "", "password": ""}
        curator.page.request.post(curator.site.url + "/staff/login/", form=empty)
    sign_in(curator, cleo.email)
    heading(curator, "Too many attempts")
    curator.look("dashboard-too-many")


def test_the_plain_admin_opens_without_a_word_on_the_console(curator: Visitor) -> None:
    owner = one_of_the_staff(Role.OWNER)
    curator.open("/admin/")
    sign_in(curator, owner.email)
    for path in ("", "admin/logentry/", "digest/delivery/", "digest/sighting/", "subscriptions/consentevent/"):
        curator.open(f"/admin/{path}")
        curator.page.wait_for_load_state("networkidle")
    curator.follow("Dashboard")
    expect(curator.page).to_have_title(re.compile("^Today "))
