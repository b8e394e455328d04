"""Show read-only tables of consent, suppression and limits in Django's admin; the dashboard has all else."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from subscriptions.models import ConsentEvent, LinkRequest, LoginToken, RateCounter, Suppression


class ReadOnly(admin.ModelAdmin):
    """Rows that the product writes and that people only view."""

    show_facets = admin.ShowFacets.NEVER

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


def show_table(
    model: type[Model],
    columns: str,
    *,
    filters: str = "",
    search: str = "",
    related: str = "",
    hide: str = "",
) -> None:
    """Register a read-only table; each text names fields of the model, separated by spaces.

    ``related`` are the foreign keys to read in the same query, ``hide`` the fields that no page shows.
    """
    options = {
        "list_display": columns.split(),
        "list_filter": filters.split(),
        "search_fields": search.split(),
        "list_select_related": related.split(),
        "exclude": hide.split(),
    }
    admin.site.register(model, type(f"{model.__name__}Table", (ReadOnly,), options))


show_table(Suppression, "address_hash reason since lifted_at why", filters="reason", search="address_hash")
show_table(ConsentEvent, "at public_id kind wording", filters="kind", search="public_id")
show_table(
    LoginToken, "subscriber purpose expires_at used_at", filters="purpose", related="subscriber",
    search="subscriber__email", hide="token_hash choices",
)  # fmt: skip
show_table(
    LinkRequest, "asked_at kind status attempts not_before", filters="kind status", search="email", hide="choices"
)
show_table(RateCounter, "name until count", search="name")
