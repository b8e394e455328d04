"""The staff for tests: users with roles, signed in as after a log-in a moment ago, and the codes of their phones."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.internal.flows.login import (
    _AUTHENTICATION_METHODS_USER_SESSION_KEY,
    AUTHENTICATION_METHODS_SESSION_KEY,
)
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.contrib.auth.models import Group, User
from django.test import Client

from digest.dashboard.auth.roles import Role

PASSWORD = "an unlikely password"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def one_of_the_staff(*roles: Role, name: str = "cleo", **fields: Any) -> User:
    """A user with a verified address ``name@dashboard.example.org``; ``roles`` are groups."""
    email = f"{name}@dashboard.example.org"
    user = User.objects.create_user(name, email, PASSWORD, is_staff=True, **fields)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    user.groups.add(*Group.objects.filter(name__in=roles))
    return user


def signed_in(user: User, *, seconds_ago: float = 0, by: str = "password") -> Client:
    """A client whose user proved who they are so long ago; acts that are asked again want less than five minutes."""
    client = Client()
    client.force_login(user)
    session = client.session
    proof = {"method": by, "at": time.time() - seconds_ago, "reauthenticated": True}
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [proof]
    session[_AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(user.pk)
    session.save()
    return client


def give_code(user: User) -> None:
    """A second factor whose app knows SECRET."""
    TOTP.activate(user, SECRET)


def code(secret: str = SECRET, *, ahead: int = 0) -> str:
    """What an app shows now, or so many half minutes later."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + ahead))
