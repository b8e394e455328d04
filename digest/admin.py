"""Show read-only tables of what the dashboard has no page for in Django's admin."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.models import LogEntry

from digest.models import Batch, Delivery, DeliveryEvent, EditionPaper, Identifier, Lease, PaperSummary, Sighting
from subscriptions.admin import show_table

admin.site.site_header = admin.site.site_title = "Broadsheet"
admin.site.index_title = "Tables (read-only)"

show_table(LogEntry, "action_time user content_type object_repr change_message", related="user content_type",
           filters="content_type", search="object_repr change_message")  # fmt: skip
show_table(Delivery, "issue_date id status status_reason answer accepted_at", filters="status issue_date",
           search="message_id", hide="subscriber")  # fmt: skip
show_table(DeliveryEvent, "at kind delivery processed_at", filters="kind", search="dedupe_key")
show_table(EditionPaper, "paper edition trending inputs", filters="edition", related="paper edition",
           search="paper__title paper__identifier")  # fmt: skip
show_table(Identifier, "value paper", related="paper", search="value paper__title")
show_table(PaperSummary, "made_at paper source text refused dropped_at", filters="source refused", related="paper",
           search="paper__title text")  # fmt: skip
show_table(Sighting, "seen_at source paper announced points comments stars", filters="announced source",
           related="source paper", search="paper__title paper__identifier")  # fmt: skip
show_table(Batch, "id status size attempts lease_until", filters="status")
show_table(Lease, "name holder until last_ok_at", search="name")
