"""Give deliveries of announcements a column of their own; their number stood in the issue date, as a day before 1900."""

from datetime import date

import django.db.models.deletion
from django.db import migrations, models

FIRST_ISSUE = date(1900, 1, 1)


def move_numbers(apps, schema_editor):
    """Move the number of each announcement; one statement an announcement, of which there are few."""
    Delivery = apps.get_model("digest", "Delivery")
    for number in apps.get_model("digest", "Announcement").objects.values_list("pk", flat=True):
        if number < FIRST_ISSUE.toordinal():
            of_it = Delivery.objects.filter(issue_date=date.fromordinal(number))
            of_it.update(announcement=number, issue_date=None)
    # tidying counted these days as if digests had been sent
    apps.get_model("digest", "DayTally").objects.filter(date__lt=FIRST_ISSUE).delete()


def move_back(apps, schema_editor):
    Delivery = apps.get_model("digest", "Delivery")
    for number in apps.get_model("digest", "Announcement").objects.values_list("pk", flat=True):
        Delivery.objects.filter(announcement=number).update(issue_date=date.fromordinal(number))


class Migration(migrations.Migration):
    dependencies = [("digest", "0027_reading_lists")]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="announcement",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="deliveries",
                to="digest.announcement",
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="issue_date",
            field=models.DateField(blank=True, help_text="of a digest", null=True),
        ),
        migrations.RunPython(move_numbers, move_back),
    ]
