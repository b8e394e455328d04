"""Take out of deliveries what their contents and codes hold now, and the indexes that nothing asks."""

import django.db.models.deletion
from django.db import migrations, models


def drop_index_of_subscriber(apps, schema_editor):
    """The unique key with the issue date begins with the subscriber; the foreign key's own index is one more to write."""
    Delivery = apps.get_model("digest", "Delivery")
    for name in schema_editor._constraint_names(Delivery, ["subscriber_id"], index=True, unique=False):
        schema_editor.execute(schema_editor._delete_index_sql(Delivery, name))


class Migration(migrations.Migration):
    dependencies = [("digest", "0009_fill_delivery_contents")]

    operations = [
        migrations.RemoveIndex(model_name="delivery", name="deliveries_by_status"),
        migrations.RemoveIndex(model_name="delivery", name="skipped_by_day_and_reason"),
        migrations.RemoveField(model_name="delivery", name="outcome"),
        migrations.RemoveField(model_name="delivery", name="paper_ids"),
        migrations.RemoveField(model_name="delivery", name="reasons"),
        migrations.RemoveField(model_name="delivery", name="subject"),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(drop_index_of_subscriber, migrations.RunPython.noop)],
            state_operations=[
                migrations.AlterField(
                    model_name="delivery",
                    name="subscriber",
                    field=models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="subscriptions.subscriber",
                    ),
                )
            ],
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("status__in", ["ready", "handing_off", "retry_wait"])),
                fields=["status", "not_before"],
                name="open_deliveries",
            ),
        ),
    ]
