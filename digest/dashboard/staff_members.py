"""The page of owners about the staff: who has which role."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from digest.dashboard import audit_log
from digest.dashboard.auth import members
from digest.dashboard.auth.roles import Role
from digest.dashboard.pages import page, staff_only


@require_safe
@staff_only(seen_by=Role.OWNER)
def staff(request: HttpRequest) -> HttpResponse:
    """List everybody who may sign in, with their roles."""
    users = User.objects.filter(is_active=True, is_staff=True).prefetch_related("groups").order_by("username")
    rows = [(user, {group.name for group in user.groups.all()}, _may_change(request, user)) for user in users]
    return page(request, "staff", {"rows": rows, "roles": list(Role)})


@require_POST
@staff_only(seen_by=Role.OWNER, asked_again=True)
@transaction.atomic
def give_roles(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a member exactly the roles that the form names; at least one owner stays."""
    user = get_object_or_404(User.objects.select_for_update(), pk=pk, is_active=True, is_staff=True)
    before, wished = _own_roles(user), {role for role in Role if role in request.POST.getlist("roles")}
    if not _may_change(request, user):
        messages.error(request, _("Only the command ./run manage staff changes this member."))
    elif Role.OWNER in before - wished and not members.other_owners(user):
        messages.error(request, _("Nothing was changed: somebody else must be an owner first."))
    elif wished != before:
        user.groups.set(members.groups_of(wished))
        words = [members.roles_in_words(roles) for roles in (wished, before)]
        audit_log.record(request.user, user, f"Roles: {words[0]} (before: {words[1]})")
        messages.success(request, _("Saved. The roles count from this member’s next click."))
    return redirect("dashboard_staff")


def _own_roles(user: User) -> set[Role]:
    return {Role(name) for name in user.groups.values_list("name", flat=True) if name in set(Role)}


def _may_change(request: HttpRequest, user: User) -> bool:
    """Return whether the row may be changed; an owner must not change a superuser."""
    return not user.is_superuser or bool(getattr(request.user, "is_superuser", False))


urlpatterns = [
    path("staff", staff, name="dashboard_staff"),
    path("staff/<int:pk>/roles", give_roles, name="dashboard_give_roles"),
]
