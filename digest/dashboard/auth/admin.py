"""Members and roles in Django's admin, for owners only, with reauthentication."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import ManyToManyField
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse

from digest.dashboard import audit_log
from digest.dashboard.auth.members import roles_in_words
from digest.dashboard.auth.reauthentication import require_recent_login
from digest.dashboard.auth.roles import Role
from subscriptions.admin import ReadOnly


class MembersAdmin(admin.ModelAdmin):
    """Members of the staff; ./run manage staff adds and deactivates them, so that the audit log stays."""

    list_display = ["username", "email", "roles", "is_active", "last_login"]
    list_filter = ["is_active", "groups"]
    search_fields = ["username", "email", "first_name", "last_name"]
    fields = ["username", "email", "first_name", "last_name", "groups", "is_active", "last_login", "date_joined"]
    readonly_fields = ["username", "email", "last_login", "date_joined"]
    formfield_overrides = {ManyToManyField: {"widget": CheckboxSelectMultiple}}
    ordering = ["username"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        return roles_in_words([role for role in Role if role in {group.name for group in user.groups.all()}])

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        words = {
            "labels": {"groups": "Roles", "is_active": "May sign in"},
            "help_texts": {"groups": "", "is_active": ""},
        }
        return super().get_form(request, obj, change, **words, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Return whether the row may be changed; an owner must not change a superuser."""
        is_beyond = obj is not None and obj.is_superuser and not request.user.is_superuser
        return super().has_change_permission(request, obj) and not is_beyond

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST":
            require_recent_login(request)
        return super().changeform_view(request, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        title = "Members of the staff. To add or deactivate one, use ./run manage staff"
        return super().changelist_view(request, {**(extra_context or {}), "title": title})

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        before = {group.name for group in User.objects.get(pk=form.instance.pk).groups.all()}
        super().save_related(request, form, formsets, change)
        after = set(form.instance.groups.values_list("name", flat=True))
        if before != after:
            words = [roles_in_words([role for role in Role if role in names]) for names in (after, before)]
            audit_log.record(request.user, form.instance, f"Roles: {words[0]} (before: {words[1]})")


class RolesAdmin(ReadOnly):
    """The permissions of each role in the tables, as defined in digest/dashboard/auth/roles.py."""

    list_display = ["name"]


def arrange(site: admin.AdminSite) -> None:
    """Use the dashboard's sign-in and the tables above; hide allauth's tables of addresses and secrets."""
    site.login = secure_admin_login(site.login)  # type: ignore[method-assign]
    for model in (User, Group, EmailAddress, EmailConfirmation, Authenticator):
        if site.is_registered(model):
            site.unregister(model)
    site.register(User, MembersAdmin)
    site.register(Group, RolesAdmin)
