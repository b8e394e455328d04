"""A reader has at least one day a week; who had none gets the working days, and is due again if on the list."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models.functions import Now

MONDAY_TO_FRIDAY = 0b0011111


def give_days(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    without = apps.get_model("subscriptions", "Subscriber").objects.filter(weekdays=0)
    without.filter(status__in=["active", "paused"]).update(next_send_at=Now())
    without.update(weekdays=MONDAY_TO_FRIDAY)


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0005_held_and_counted")]

    operations = [
        migrations.RunPython(give_days, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name="subscriber", name="a_week_has_seven_days"),
        migrations.AddConstraint(
            model_name="subscriber",
            constraint=models.CheckConstraint(
                condition=models.Q(weekdays__range=(1, 127)), name="a_week_has_one_to_seven_days"
            ),
        ),
    ]
