"""Add and deactivate members of the staff and give them roles. Their addresses count as verified."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction
from django.db.models import Q

from digest.dashboard import audit_log
from digest.dashboard.auth.roles import Role
from digest.two_factor import DEMONSTRATION, code_is_required

EASY = "abcdefghjkmnpqrstuvwxyz23456789"  # without similar letters


def new_password() -> str:
    """Return a random password of sixteen letters in four groups: 79 bits, easy to type."""
    return "-".join("".join(secrets.choice(EASY) for _ in range(4)) for _ in range(4))


def find_member(address: str) -> User | None:
    """Return the member with that address, also a deactivated one."""
    return User.objects.filter(email=address.strip().lower()).order_by("-is_active", "pk").first()


@transaction.atomic
def add_member(address: str, roles: Collection[Role], *, password: str) -> User:
    """Add a member with these roles who can sign in, or reactivate one."""
    address = address.strip().lower()
    user = find_member(address) or User(username=_name_for(address), email=address)
    user.is_staff = user.is_active = True
    user.set_password(password)
    user.save()
    EmailAddress.objects.update_or_create(user=user, email=address, defaults={"verified": True, "primary": True})
    user.groups.set(groups_of(roles))
    audit_log.record(user, user, f"Added on the server as {roles_in_words(roles)}")
    return user


@transaction.atomic
def give_roles(user: User, roles: Collection[Role]) -> None:
    """Give a member exactly these roles."""
    user.groups.set(groups_of(roles))
    audit_log.record(user, user, f"Roles set on the server: {roles_in_words(roles)}")


@transaction.atomic
def give_password(user: User, password: str) -> None:
    """Set a new password, which ends all sessions of the old one."""
    user.set_password(password)
    user.save(update_fields=["password"])
    audit_log.record(user, user, "Password reset on the server")


@transaction.atomic
def reset_2fa(user: User) -> bool:
    """Delete a lost second factor and its recovery codes; return False if there was none."""
    gone, _ = Authenticator.objects.filter(user=user).delete()
    if gone:
        audit_log.record(user, user, "Second factor reset on the server")
    return bool(gone)


@transaction.atomic
def deactivate(user: User) -> None:
    """Remove a member from the staff, effective with their next request. The row stays, for the audit log."""
    user.is_staff = user.is_superuser = user.is_active = False
    user.set_unusable_password()
    user.save()
    user.groups.clear()
    user.user_permissions.clear()
    Authenticator.objects.filter(user=user).delete()
    EmailAddress.objects.filter(user=user).delete()
    audit_log.record(user, user, "Deactivated on the server")


def seed_demo_login() -> str:
    """Create the demonstration login with every role if no user ever existed; return its password, else "".

    A service that sends real mail gets none: its address is public knowledge.
    """
    if code_is_required() or User.objects.exists():
        return ""
    password = new_password()
    try:
        add_member(DEMONSTRATION, [Role.OWNER], password=password)
    except IntegrityError:
        # a concurrent first run created it and prints its password
        return ""
    return password


def roles_in_words(roles: Collection[Role]) -> str:
    """Return the names of roles in the order of their definition."""
    return ", ".join(role for role in Role if role in roles) or "no role"


def other_owners(user: User) -> bool:
    """Return whether somebody else who may sign in can give roles."""
    active = User.objects.filter(is_active=True, is_staff=True).exclude(pk=user.pk)
    return active.filter(Q(groups__name=Role.OWNER) | Q(is_superuser=True)).exists()


def groups_of(roles: Collection[Role]) -> list[Group]:
    """Return the groups that stand for these roles."""
    return list(Group.objects.filter(name__in=[str(role) for role in roles]))


def _name_for(address: str) -> str:
    """Return a free user name for the audit log: only the part of the address before the @."""
    wished = re.sub(r"[^\w.+-]", "", address.partition("@")[0])[:100] or "member"
    taken = set(User.objects.filter(username__startswith=wished).values_list("username", flat=True))
    return next(name for number in range(1, 10_000) if (name := f"{wished}{number if number > 1 else ''}") not in taken)
