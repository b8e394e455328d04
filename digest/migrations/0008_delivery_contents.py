"""Add the codes of deliveries and the table of what a digest was made of.

The columns are added by a statement with a default, which both databases do without writing the table again.
"""

import django.db.models.deletion
from django.db import migrations, models

REASONS = [
    "no_new_papers", "nothing_matched", "paused", "suppressed", "unsubscribed", "not_confirmed", "demo_reader",
    "too_soon", "too_late", "expired", "worker_stopped", "poison", "compose_error", "message_error",
    "retried_by_hand", "restored", "no_connection", "not_set_up", "login_refused", "deferred", "too_fast",
    "account_refused", "no_such_address", "refused_by_server", "refused_by_provider", "provider_error", "no_answer",
    "event_failed", "event_rejected", "event_refused", "event_soft_bounced", "event_bounced", "event_complained",
    "other",
]  # fmt: skip


def added(name, definition, field):
    """Return the operation that adds a column to digest_delivery by one statement."""
    return migrations.RunSQL(
        f"ALTER TABLE digest_delivery ADD COLUMN {name} {definition}",
        f"ALTER TABLE digest_delivery DROP COLUMN {name}",
        state_operations=[migrations.AddField("delivery", name, field)],
    )


class Migration(migrations.Migration):
    dependencies = [
        ("digest", "0007_source_error_kinds"),
        ("subscriptions", "0009_link_requests_and_rate_counters"),
    ]

    operations = [
        migrations.CreateModel(
            name="DeliveryContent",
            fields=[
                (
                    "delivery",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="content",
                        serialize=False,
                        to="digest.delivery",
                    ),
                ),
                ("paper_ids", models.JSONField(default=list, help_text="in the order of the digest; kept for good")),
                ("subject", models.CharField(blank=True, max_length=200)),
                ("record", models.JSONField(default=dict, help_text="a DigestRecord; emptied after 30 days")),
            ],
        ),
        added(
            "status_reason",
            "varchar(20) NOT NULL DEFAULT ''",
            models.CharField(
                blank=True, choices=[(code, code.replace("_", " ").title()) for code in REASONS], max_length=20
            ),
        ),
        added(
            "detail",
            "varchar(300) NOT NULL DEFAULT ''",
            models.CharField(
                blank=True, help_text="words of the server or error; nothing queries it", max_length=300
            ),
        ),
        added(
            "paper_count",
            "smallint NOT NULL DEFAULT 0 CHECK (paper_count >= 0)",
            models.PositiveSmallIntegerField(default=0),
        ),
    ]
