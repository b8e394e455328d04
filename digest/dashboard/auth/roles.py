"""Who may do what at the curators' dashboard: four roles, each a group of users."""

from __future__ import annotations

from enum import StrEnum

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, Permission


class Role(StrEnum):
    """A role is the group of its name; the owner has all of them, as has a superuser."""

    CURATOR = "curator"  # steers the day: picks, notes, hides, sources, topics
    SENDER = "sender"  # pauses, resumes, tries again
    PRIVACY = "privacy"  # sees addresses: finds readers, suppresses, exports, erases
    OWNER = "owner"  # says who has which role


# What each role may do in the tables of the plain admin, beyond what all of the staff see there.
SEEN_BY_ALL = """digest.paper digest.identifier digest.sighting digest.source digest.edition digest.editionpaper
    digest.curatorpick digest.delivery digest.daytally digest.batch digest.provider digest.lease subscriptions.topic"""
MAY: dict[Role, dict[str, str]] = {
    Role.CURATOR: {
        "add": "digest.curatorpick digest.source subscriptions.topic",
        "change": "digest.curatorpick digest.source subscriptions.topic digest.paper",
        "delete": "digest.curatorpick",
    },
    Role.SENDER: {},
    Role.PRIVACY: {  # tables that hold addresses, or what somebody likes
        "view": """subscriptions.subscriber subscriptions.preference subscriptions.suppression
            subscriptions.consentevent subscriptions.logintoken subscriptions.linkrequest subscriptions.ratecounter
            digest.verdict digest.deliveryevent digest.deliverycontent""",
        "add": "subscriptions.preference",
        "change": "subscriptions.subscriber subscriptions.preference",
        "delete": "subscriptions.preference",
    },
    Role.OWNER: {"view": "auth.user auth.group", "change": "auth.user"},
}


def seed_groups() -> None:
    """A group for each role, with exactly what it may do in the tables."""
    for app in apps.get_app_configs():  # Django makes an app's permissions only after this app's turn
        create_permissions(app, verbosity=0)
    known = {
        f"{one.codename.partition('_')[0]} {one.content_type.app_label}.{one.content_type.model}": one
        for one in Permission.objects.select_related("content_type")
    }
    for role in Role:
        group, _ = Group.objects.get_or_create(name=role)
        group.permissions.set([known[name] for name in _permissions(role) if name in known])


def _permissions(role: Role) -> set[str]:
    own = set(MAY) if role is Role.OWNER else {role}
    granted = {f"{act} {table}" for one in own for act, tables in MAY[one].items() for table in tables.split()}
    return granted | {f"view {table}" for table in SEEN_BY_ALL.split()}


def roles_of(user: AbstractBaseUser | AnonymousUser) -> frozenset[Role]:
    """The roles of a user; none for whoever is not on the staff. One query, remembered by the user."""
    if not (user.is_authenticated and user.is_active and getattr(user, "is_staff", False)):
        return frozenset()
    found: frozenset[Role] | None = getattr(user, "_roles", None)
    if found is None:
        names = set(Role) if user.is_superuser else set(user.groups.values_list("name", flat=True))  # type: ignore[attr-defined]
        found = frozenset(role for role in Role if role in names or Role.OWNER in names)
        user._roles = found  # type: ignore[attr-defined]
    return found
