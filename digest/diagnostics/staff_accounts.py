"""Examine the staff's sign-in: whether everybody has the second factor that is required."""

from __future__ import annotations

from collections.abc import Iterator

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User

from digest.diagnostics.check_result import CheckResult, Severity
from digest.two_factor import DEMONSTRATION, code_is_required


def examine_staff_accounts() -> Iterator[CheckResult]:
    """What the doctor says, once mail leaves for real."""
    if not code_is_required():
        return
    members = User.objects.filter(is_staff=True, is_active=True)
    if members.filter(email=DEMONSTRATION).exists():
        seen = f"mail leaves for real, and the demonstration login {DEMONSTRATION} may still sign in"
        yield CheckResult(
            Severity.ATTENTION, "dashboard", seen, f"Take it away: ./run manage staff {DEMONSTRATION} --remove"
        )
    if without := members.exclude(authenticator__type=Authenticator.Type.TOTP).exclude(email=DEMONSTRATION).count():
        who = "one of the staff has" if without == 1 else f"{without} of the staff have"
        seen = f"{who} no second factor; they see nothing before they set it up"
        do = "Let them sign in and set it up; take away who left: ./run manage staff ADDRESS --remove"
        yield CheckResult(Severity.ATTENTION, "second factor", seen, do)
    elif members.exists():
        yield CheckResult(Severity.WELL, "second factor", "each of the staff has one")
    else:
        seen = "nobody may sign in; ./run manage staff ADDRESS --role owner makes a login"
        yield CheckResult(Severity.WELL, "dashboard", seen)
