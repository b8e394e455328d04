import subscriptions.models
from django.db import migrations, models

from subscriptions.default_topics import TOPICS


def name_defaults(apps, schema_editor):
    """Give topics that an earlier version created their other names."""
    Topic = apps.get_model("subscriptions", "Topic")
    aliases = {topic.slug: list(topic.aliases) for topics in TOPICS.values() for topic in topics}
    rows = list(Topic.objects.filter(slug__in=aliases))
    for row in rows:
        row.aliases = aliases[row.slug]
    Topic.objects.bulk_update(rows, ["aliases"], batch_size=100)


class Migration(migrations.Migration):

    dependencies = [
        ("subscriptions", "0010_operator_adds"),
    ]

    operations = [
        migrations.AddField(
            model_name="topic",
            name="aliases",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text='other names that people look for: ["computer vision", "CV"]',
                validators=[subscriptions.models.list_of_phrases],
            ),
        ),
        migrations.RunPython(name_defaults, migrations.RunPython.noop),
    ]
