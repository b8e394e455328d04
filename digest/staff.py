"""The staff's sign-in, as the operator sees it: whether a second factor is required, and who has none."""

from __future__ import annotations

from collections.abc import Iterator

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

from digest.finding import Finding, Severity

DEMONSTRATION = "curator@broadsheet.invalid"  # the login that a first ./run digest leaves


def code_is_required() -> bool:
    """As soon as mail leaves for anything but the outbox, a password alone opens nothing."""
    return bool(settings.MAIL_PROVIDER != "outbox")


def has_code(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether an app of theirs makes codes; one query."""
    return Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.TOTP).exists()


def look() -> Iterator[Finding]:
    """What the doctor says, once mail leaves for real."""
    if not code_is_required():
        return
    members = User.objects.filter(is_staff=True, is_active=True)
    if members.filter(email=DEMONSTRATION).exists():
        seen = f"mail leaves for real, and the demonstration login {DEMONSTRATION} may still sign in"
        yield Finding(Severity.ATTENTION, "desk", seen, f"Take it away: ./run manage staff {DEMONSTRATION} --remove")
    if without := members.exclude(authenticator__type=Authenticator.Type.TOTP).exclude(email=DEMONSTRATION).count():
        who = "one of the staff has" if without == 1 else f"{without} of the staff have"
        seen = f"{who} no second factor; they see nothing before they set it up"
        do = "Let them sign in and set it up; take away who left: ./run manage staff ADDRESS --remove"
        yield Finding(Severity.ATTENTION, "second factor", seen, do)
    elif members.exists():
        yield Finding(Severity.WELL, "second factor", "each of the staff has one")
    else:
        seen = "nobody may sign in; ./run manage staff ADDRESS --role owner makes a login"
        yield Finding(Severity.WELL, "desk", seen)
