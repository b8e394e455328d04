"""Define the four roles of the dashboard, each a group of users, and their permissions."""

from __future__ import annotations

from enum import StrEnum

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, Permission


class Role(StrEnum):
    """A role, which is the group of its name; owners and superusers have all of them."""

    CURATOR = "curator"  # edits picks, notes, hides, sources, topics
    SENDER = "sender"  # pauses, resumes, retries
    PRIVACY = "privacy"  # sees addresses: finds readers, suppresses, exports, erases
    OWNER = "owner"  # gives roles


# The read-only tables of the admin that each role sees
SEEN_BY_ALL = """admin.logentry digest.identifier digest.sighting digest.editionpaper digest.delivery digest.batch
    digest.lease digest.papersummary"""
# Tables with addresses or traces of single readers
SEEN_BY_PRIVACY = """digest.deliveryevent subscriptions.suppression subscriptions.consentevent
    subscriptions.logintoken subscriptions.linkrequest subscriptions.ratecounter"""


def seed_groups() -> None:
    """Create a group for each role with exactly its permissions."""
    # Django may not have created the permissions of later apps yet
    for app in apps.get_app_configs():
        create_permissions(app, verbosity=0)
    known = {
        f"{one.codename.partition('_')[0]} {one.content_type.app_label}.{one.content_type.model}": one
        for one in Permission.objects.select_related("content_type")
    }
    for role in Role:
        group, _ = Group.objects.get_or_create(name=role)
        group.permissions.set([known[name] for name in _permissions(role) if name in known])


def _permissions(role: Role) -> set[str]:
    tables = SEEN_BY_ALL.split()
    if role in (Role.PRIVACY, Role.OWNER):
        tables += SEEN_BY_PRIVACY.split()
    return {f"view {table}" for table in tables}


def roles_of(user: AbstractBaseUser | AnonymousUser) -> frozenset[Role]:
    """Return the roles of a user, none outside the staff. One query, cached on the user."""
    if not (user.is_authenticated and user.is_active and getattr(user, "is_staff", False)):
        return frozenset()
    found: frozenset[Role] | None = getattr(user, "_roles", None)
    if found is None:
        # whoever is staff is Django's User; the types of a request allow other classes
        names = set(Role) if user.is_superuser else set(user.groups.values_list("name", flat=True))  # type: ignore[attr-defined]
        found = frozenset(role for role in Role if role in names or Role.OWNER in names)
        # a cache on the user, of which Django knows nothing
        user._roles = found  # type: ignore[attr-defined]
    return found
