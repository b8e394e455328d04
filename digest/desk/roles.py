"""Who may do what at the curators' desk: four roles, each a group of users."""

from __future__ import annotations

from enum import StrEnum

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group


class Role(StrEnum):
    """A role is the group of its name; the owner has all of them, as has a superuser."""

    CURATOR = "curator"  # steers the day: picks, notes, hides, sources, topics
    SENDER = "sender"  # pauses, resumes, tries again
    PRIVACY = "privacy"  # sees addresses: finds readers, suppresses, exports, erases
    OWNER = "owner"  # says who has which role


def lay_down_groups() -> None:
    """A group for each role; what stands is left as it is."""
    for role in Role:
        Group.objects.get_or_create(name=role)


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
