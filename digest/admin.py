"""Papers, editions and deliveries in the plain Django admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, F, QuerySet
from django.http import HttpRequest

from digest.ingest.parsers import KINDS
from digest.models import (
    Batch,
    CuratorPick,
    DayTally,
    Delivery,
    DeliveryContent,
    DeliveryEvent,
    Edition,
    EditionPaper,
    Identifier,
    Lease,
    Paper,
    Provider,
    Sighting,
    Source,
    Verdict,
)
from subscriptions.admin import ReadOnly

admin.site.site_header = admin.site.site_title = "Broadsheet"
admin.site.index_title = "Curators and operators"


class SourceForm(forms.ModelForm):
    kind = forms.ChoiceField(choices=[(kind, kind.replace("_", " ")) for kind in KINDS])

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"])
        if "url" in self.changed_data and not url.startswith(("http://", "https://")):
            raise forms.ValidationError("A source is fetched from an address that begins with http:// or https://.")
        return url

    class Meta:
        model = Source
        help_texts = {"url": "http or https"}
        fields = ["name", "kind", "url", "active", "next_check_at"]


@admin.register(Source)
class SourceAdmin(admin.ModelAdmin):
    form = SourceForm
    list_display = ["name", "kind", "active", "last_success_at", "failures", "last_error_kind", "last_error"]
    list_filter = ["active", "kind"]
    search_fields = ["name", "url"]
    readonly_fields = ["failures", "last_error_kind", "last_error", "last_success_at", "last_reading"]


class IdentifierInline(admin.TabularInline):
    model = Identifier
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Paper)
class PaperAdmin(admin.ModelAdmin):
    list_display = ["title", "identifier", "primary_category", "version", "first_seen_at", "withdrawn_at"]
    list_filter = ["topics", "withdrawn_at"]
    search_fields = ["title", "identifier", "abstract"]
    date_hierarchy = "first_seen_at"
    autocomplete_fields = ["topics"]
    readonly_fields = [  # what sources say; a curator may withdraw a paper and mend its topics
        "identifier", "title", "abstract", "authors", "categories", "url", "version", "first_seen_at",
    ]  # fmt: skip
    fields = [*readonly_fields, "withdrawn_at", "topics"]
    inlines = [IdentifierInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(CuratorPick)
class CuratorPickAdmin(admin.ModelAdmin):
    """Pick, boost or hide a paper for an edition; counts for every reader who is not yet planned."""

    list_display = ["paper", "edition_date", "verdict", "note", "curator", "updated_at"]
    list_filter = ["verdict", "edition_date"]
    list_select_related = ["paper", "curator"]
    search_fields = ["paper__title", "paper__identifier", "note"]
    autocomplete_fields = ["paper"]
    exclude = ["curator"]

    def save_model(self, request: HttpRequest, obj: CuratorPick, form: Any, change: bool) -> None:
        obj.curator = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)


@admin.register(Edition)
class EditionAdmin(ReadOnly):
    list_display = ["date", "opened_at", "number_of_candidates"]
    date_hierarchy = "date"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Edition]:
        return super().get_queryset(request).annotate(number=Count("candidates"))

    @admin.display(description="candidates", ordering="number")
    def number_of_candidates(self, edition: Any) -> int:
        return int(edition.number)


@admin.register(DayTally)
class DayTallyAdmin(ReadOnly):
    list_display = ["date", "counted_at", "reasons_forgotten"]
    date_hierarchy = "date"


@admin.register(EditionPaper)
class EditionPaperAdmin(ReadOnly):
    list_display = ["paper", "edition", "trending", "inputs"]
    list_filter = ["edition"]
    list_select_related = ["paper", "edition"]
    search_fields = ["paper__title", "paper__identifier"]
    ordering = ["-edition__date", F("trending").desc(nulls_last=True)]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    list_display = ["issue_date", "subscriber", "status", "status_reason", "paper_count", "answer", "accepted_at"]
    list_filter = ["status", "issue_date"]
    list_select_related = ["subscriber"]
    date_hierarchy = "issue_date"

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """Who may not see addresses may not find out by searching whose they are."""
        return [*(["subscriber__email"] if _sees_readers(request) else []), "message_id"]


@admin.register(DeliveryContent)
class DeliveryContentAdmin(ReadOnly):
    list_display = ["delivery", "subject"]
    list_select_related = ["delivery"]
    search_fields = ["subject"]


def _sees_readers(request: HttpRequest) -> bool:
    return request.user.has_perm("subscriptions.view_subscriber")


@admin.register(Batch)
class BatchAdmin(ReadOnly):
    list_display = ["id", "status", "size", "attempts", "lease_until"]
    list_filter = ["status"]


@admin.register(Provider)
class ProviderAdmin(ReadOnly):
    list_display = ["name", "status", "held_until", "slowness", "why"]
    list_filter = ["status"]
    search_fields = ["name"]


@admin.register(DeliveryEvent)
class DeliveryEventAdmin(ReadOnly):
    list_display = ["at", "kind", "delivery", "processed_at"]
    list_filter = ["kind"]
    search_fields = ["dedupe_key"]


@admin.register(Verdict)
class VerdictAdmin(ReadOnly):
    list_display = ["given_at", "subscriber", "paper", "value"]
    list_filter = ["value"]
    list_select_related = ["subscriber", "paper"]
    search_fields = ["subscriber__email", "paper__title"]


@admin.register(Identifier)
class IdentifierAdmin(ReadOnly):
    list_display = ["value", "paper"]
    list_select_related = ["paper"]
    search_fields = ["value", "paper__title"]


@admin.register(Sighting)
class SightingAdmin(ReadOnly):
    list_display = ["seen_at", "source", "paper", "announced", "points", "comments", "stars"]
    list_filter = ["announced", "source"]
    list_select_related = ["source", "paper"]
    search_fields = ["paper__title", "paper__identifier"]


@admin.register(Lease)
class LeaseAdmin(ReadOnly):
    list_display = ["name", "holder", "until", "last_ok_at"]
    search_fields = ["name"]
