from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("subscriptions", "0006_a_week_has_a_day"),
    ]

    operations = [
        migrations.AddField(
            model_name="topic",
            name="wanted",
            field=models.PositiveIntegerField(
                default=0, editable=False, help_text="by so many readers, counted once an hour"
            ),
        ),
        migrations.AddField(
            model_name="topic",
            name="muted",
            field=models.PositiveIntegerField(
                default=0, editable=False, help_text="by so many readers, counted once an hour"
            ),
        ),
    ]
