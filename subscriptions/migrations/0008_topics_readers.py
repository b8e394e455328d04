from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("subscriptions", "0007_readers_found_and_counted"),
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
