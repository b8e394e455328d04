"""The command by which whoever has the server takes people on, helps them, and lets them go."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from digest.dashboard.auth.roles import Role, roles_of
from digest.management import summary
from digest.management.commands.serve import logins
from digest.two_factor import DEMONSTRATION, has_code
from tests.support.staff import PASSWORD, give_code, one_of_the_staff

pytestmark = pytest.mark.django_db
ADA = "ada@dashboard.example.org"


def staff(*arguments: str) -> str:
    out = io.StringIO()
    call_command("staff", *arguments, stdout=out)
    return out.getvalue()


def password_in(text: str) -> str:
    (found,) = re.findall(r"^password  (\S+) ", text, re.M)
    return found


def test_somebody_is_taken_on_and_the_password_is_shown_once() -> None:
    told = staff(ADA, "--role", "curator", "--role", "sender")
    user = User.objects.get(email=ADA)
    assert user.check_password(password_in(told))
    assert roles_of(user) == {Role.CURATOR, Role.SENDER}
    again = staff(ADA)
    assert "password" not in again
    assert "roles     curator, sender" in again
    assert user.check_password(password_in(told))


def test_roles_are_set_and_nothing_else() -> None:
    one_of_the_staff(Role.CURATOR)
    told = staff("cleo@dashboard.example.org", "--role", "privacy")
    user = User.objects.get()
    assert roles_of(user) == {Role.PRIVACY}
    assert user.check_password(PASSWORD)
    assert "password" not in told


def test_a_new_password_is_made_or_read(monkeypatch: pytest.MonkeyPatch) -> None:
    user = one_of_the_staff(Role.CURATOR)
    made = password_in(staff(user.email, "--new-password"))
    assert User.objects.get().check_password(made)
    monkeypatch.setattr("sys.stdin", io.StringIO("four words do well\n"))
    assert "four words" not in staff(user.email, "--password-from-stdin")
    assert User.objects.get().check_password("four words do well")
    assert roles_of(User.objects.get()) == {Role.CURATOR}


def test_who_is_taken_on_may_bring_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("four words do well\n"))
    staff(ADA, "--role", "owner", "--password-from-stdin")
    assert User.objects.get().check_password("four words do well")


@pytest.mark.parametrize("weak", ["", "short", "12345678", "password1"])
def test_a_weak_password_is_refused_and_nobody_taken_on(weak: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(weak))
    with pytest.raises(CommandError, match="password"):
        staff(ADA, "--role", "owner", "--password-from-stdin")
    assert not User.objects.exists()


def test_a_lost_code_is_taken_away() -> None:
    user = one_of_the_staff(Role.CURATOR)
    give_code(user)
    assert "not set up yet" in staff(user.email, "--reset-2fa")
    assert not has_code(user)
    assert "There was no second factor" in staff(user.email, "--reset-2fa")


def test_who_is_let_go_may_no_longer_sign_in_and_is_not_let_go_twice() -> None:
    user = one_of_the_staff(Role.CURATOR)
    assert "can no longer sign in" in staff(user.email, "--remove")
    assert not User.objects.get().is_active
    with pytest.raises(CommandError, match="No member of the staff"):
        staff(user.email, "--remove")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([ADA], "To add one, give a --role: curator, sender, privacy, owner"),
        (["ada", "--role", "owner"], "'ada' is not an e-mail address"),
        ([ADA, "--role", "boss"], "boss"),
        ([ADA, "--remove", "--role", "owner"], "Use --remove alone"),
    ],
)
def test_a_wrong_call_says_what_is_right_and_changes_nothing(arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=re.escape(said)):
        staff(*arguments)
    assert not User.objects.exists()


def test_on_real_days_the_first_login_comes_with_how_to_make_ones_own(
    settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.MODE, settings.SITE_URL = "live", "https://digest.example.org"
    summary.print_login(summary.console(), "a-word")
    told = capsys.readouterr().out
    assert "https://digest.example.org/dashboard/ while ./run serve runs" in told
    assert "./run manage staff ADDRESS --role owner" in told


def test_the_service_names_the_first_login_only_where_it_exists() -> None:
    assert logins().startswith("nobody can sign in yet; to create a login: ./run manage staff")
    staff(ADA, "--role", "owner")
    assert logins() == "another login: ./run manage staff ADDRESS --role owner"
    staff(DEMONSTRATION, "--role", "owner")
    assert logins().startswith(
        f"the first digest printed the login of {DEMONSTRATION}; another one: ./run manage staff"
    )


def test_a_first_run_leaves_a_login_and_tells_it_once(
    settings: Any, tmp_path: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    settings.OUTBOX, settings.MODE = tmp_path, "sample"
    call_command("digest", "--date", "2026-03-02")
    told = capsys.readouterr().out
    (password,) = re.findall(r"Sign in as curator@broadsheet\.invalid with the password (\S+) ", told)
    assert User.objects.get().check_password(password)
    assert "/dashboard/ while ./run serve" in told
    assert "./run manage staff" not in told
    call_command("digest", "--date", "2026-03-02")
    assert "password" not in capsys.readouterr().out
    assert password not in caplog.text
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and password.encode() in path.read_bytes()]
