"""The staff for tests: users with roles, signed in as after a log-in a moment ago."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group, User
from django.test import Client

from digest.desk.roles import Role


def one_of_the_staff(*roles: Role, name: str = "cleo", **fields: Any) -> User:
    """A user with a verified address ``name@desk.example.org``; ``roles`` are groups."""
    email = f"{name}@desk.example.org"
    user = User.objects.create_user(name, email, "an unlikely password", is_staff=True, **fields)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    user.groups.add(*Group.objects.filter(name__in=roles))
    return user


def signed_in(user: User, *, seconds_ago: float = 0) -> Client:
    """A client whose user proved who they are so long ago; acts that are asked again want less than five minutes."""
    client = Client()
    client.force_login(user)
    session = client.session
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "password", "at": time.time() - seconds_ago}]
    session.save()
    return client
