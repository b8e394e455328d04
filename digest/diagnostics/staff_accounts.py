"""Check that every member of the staff has the required second factor."""

from __future__ import annotations

from collections.abc import Iterator

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User

from digest.diagnostics.check_result import CheckResult, Severity
from digest.two_factor import DEMONSTRATION, code_is_required


def examine_staff_accounts() -> Iterator[CheckResult]:
    """Check the staff's accounts if the service sends real mail."""
    if not code_is_required():
        return
    members = User.objects.filter(is_staff=True, is_active=True)
    if members.filter(email=DEMONSTRATION).exists():
        seen = f"the service sends real mail, and the demonstration login {DEMONSTRATION} still works"
        yield CheckResult(Severity.ATTENTION, "dashboard", seen, f"Run: ./run manage staff {DEMONSTRATION} --remove")
    if without := members.exclude(authenticator__type=Authenticator.Type.TOTP).exclude(email=DEMONSTRATION).count():
        who = "one member of the staff has" if without == 1 else f"{without} members of the staff have"
        seen = f"{who} no second factor and no access before they set it up"
        do = "Ask them to sign in and set it up, or remove them: ./run manage staff ADDRESS --remove"
        yield CheckResult(Severity.ATTENTION, "second factor", seen, do)
    elif members.exists():
        yield CheckResult(Severity.WELL, "second factor", "every member of the staff has one")
    else:
        seen = "nobody can sign in; to create a login, run ./run manage staff ADDRESS --role owner"
        yield CheckResult(Severity.WELL, "dashboard", seen)
