"""Readers, topics and consent in the plain Django admin."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from subscriptions.models import (
    ConsentEvent,
    LinkRequest,
    LoginToken,
    Preference,
    RateCounter,
    Subscriber,
    Suppression,
    Topic,
)


class ReadOnly(admin.ModelAdmin):
    """Records that the product writes and that people only view."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Topic)
class TopicAdmin(admin.ModelAdmin):
    list_display = ["name", "group", "offered", "position"]
    list_filter = ["offered", "group"]
    list_editable = ["offered", "position"]
    search_fields = ["name", "group", "description"]
    prepopulated_fields = {"slug": ["name"]}


class PreferenceInline(admin.TabularInline):
    model = Preference
    extra = 0
    autocomplete_fields = ["topic"]


@admin.register(Subscriber)
class SubscriberAdmin(admin.ModelAdmin):
    """Subscribers: their preferences can be edited. Nobody is added or deleted here."""

    list_display = ["email", "status", "zone", "send_hour", "max_papers", "confirmed_at", "last_issue_date"]
    list_filter = ["status", "zone"]
    ordering = ["email"]
    search_fields = ["email", "public_id"]
    readonly_fields = [
        "public_id", "email", "status", "signed_up_at", "confirmed_at", "confirmation_sent_at", "confirmations_today",
        "link_sent_at", "links_today", "pending_email", "pending_since", "next_send_at", "last_issue_date",
        "last_digest_at", "left_at", "left_as",
    ]  # fmt: skip
    inlines = [PreferenceInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    # Readers are erased instead, which keeps the record of consent and each day's numbers.
    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Preference)
class PreferenceAdmin(admin.ModelAdmin):
    list_display = ["subscriber", "stance", "kind", "topic", "value", "until"]
    list_filter = ["kind", "stance"]
    list_select_related = ["subscriber", "topic"]
    search_fields = ["subscriber__email", "value", "topic__name"]
    autocomplete_fields = ["subscriber", "topic"]


@admin.register(Suppression)
class SuppressionAdmin(ReadOnly):
    list_display = ["address_hash", "reason", "since", "lifted_at", "why"]
    list_filter = ["reason"]
    search_fields = ["address_hash"]


@admin.register(ConsentEvent)
class ConsentEventAdmin(ReadOnly):
    list_display = ["at", "public_id", "kind", "wording"]
    list_filter = ["kind"]
    date_hierarchy = "at"
    search_fields = ["public_id"]


@admin.register(LoginToken)
class LoginTokenAdmin(ReadOnly):
    list_display = ["subscriber", "purpose", "expires_at", "used_at"]
    list_filter = ["purpose"]
    list_select_related = ["subscriber"]
    search_fields = ["subscriber__email"]
    exclude = ["token_hash", "choices"]


@admin.register(LinkRequest)
class LinkRequestAdmin(ReadOnly):
    list_display = ["asked_at", "kind", "status", "attempts", "not_before"]
    list_filter = ["kind", "status"]
    search_fields = ["email"]
    exclude = ["choices"]


@admin.register(RateCounter)
class RateCounterAdmin(ReadOnly):
    list_display = ["name", "until", "count"]
    search_fields = ["name"]
