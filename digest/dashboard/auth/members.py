"""Who is on the staff: taken on, given roles, let go. Their addresses are vouched for by whoever does it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction

from digest.dashboard import audit_log
from digest.dashboard.auth.roles import Role
from digest.two_factor import DEMONSTRATION, code_is_required

EASY = "abcdefghjkmnpqrstuvwxyz23456789"  # no letter that looks like another


def new_password() -> str:
    """Sixteen letters in four groups: 79 bits by chance, and easy to type."""
    return "-".join("".join(secrets.choice(EASY) for _ in range(4)) for _ in range(4))


def find_member(address: str) -> User | None:
    """Who has that address, also if they were let go."""
    return User.objects.filter(email=address.strip().lower()).order_by("-is_active", "pk").first()


@transaction.atomic
def add_member(address: str, roles: Collection[Role], *, password: str) -> User:
    """Somebody with these roles who can sign in; whoever was let go comes back."""
    address = address.strip().lower()
    user = find_member(address) or User(username=_name_for(address), email=address)
    user.is_staff = user.is_active = True
    user.set_password(password)
    user.save()
    EmailAddress.objects.update_or_create(user=user, email=address, defaults={"verified": True, "primary": True})
    user.groups.set(_groups(roles))
    audit_log.record(user, user, f"Taken on, on the server, as {roles_in_words(roles)}")
    return user


@transaction.atomic
def give_roles(user: User, roles: Collection[Role]) -> None:
    """These roles, and no other."""
    user.groups.set(_groups(roles))
    audit_log.record(user, user, f"Roles set on the server: {roles_in_words(roles)}")


@transaction.atomic
def give_password(user: User, password: str) -> None:
    """A new one; visits that were begun with the old one are over."""
    user.set_password(password)
    user.save(update_fields=["password"])
    audit_log.record(user, user, "New password given on the server")


@transaction.atomic
def reset_2fa(user: User) -> bool:
    """Take away a second factor that was lost, and its recovery codes; False if there was none."""
    gone, _ = Authenticator.objects.filter(user=user).delete()
    if gone:
        audit_log.record(user, user, "Second factor taken away on the server")
    return bool(gone)


@transaction.atomic
def deactivate(user: User) -> None:
    """No longer on the staff, from their next click on. The row stays, for the history of what they did."""
    user.is_staff = user.is_superuser = user.is_active = False
    user.set_unusable_password()
    user.save()
    user.groups.clear()
    user.user_permissions.clear()
    Authenticator.objects.filter(user=user).delete()
    EmailAddress.objects.filter(user=user).delete()
    audit_log.record(user, user, "Let go, on the server")


def seed_demo_login() -> str:
    """A login with every role, so that a newcomer can look, where nobody ever had one; its password, else nothing.

    Where mail leaves for real there is none: a name that everybody knows must not open that door.
    """
    if code_is_required() or User.objects.exists():
        return ""
    password = new_password()
    try:
        add_member(DEMONSTRATION, [Role.OWNER], password=password)
    except IntegrityError:  # another first run was faster, and tells its own password
        return ""
    return password


def roles_in_words(roles: Collection[Role]) -> str:
    """Their names, in the order in which the roles are explained."""
    return ", ".join(role for role in Role if role in roles) or "no role"


def _groups(roles: Collection[Role]) -> list[Group]:
    return list(Group.objects.filter(name__in=[str(role) for role in roles]))


def _name_for(address: str) -> str:
    """A name that the history may keep: of the address only what stands before the @."""
    wished = re.sub(r"[^\w.+-]", "", address.partition("@")[0])[:100] or "member"
    taken = set(User.objects.filter(username__startswith=wished).values_list("username", flat=True))
    return next(name for number in range(1, 10_000) if (name := f"{wished}{number if number > 1 else ''}") not in taken)
