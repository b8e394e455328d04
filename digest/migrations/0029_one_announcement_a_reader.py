"""Hold a delivery to be either a digest or an announcement, and each announcement once a reader."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("digest", "0028_announcement_of_a_delivery")]

    operations = [
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(
                condition=models.Q(("announcement__isnull", False)),
                fields=("announcement", "subscriber"),
                name="a_reader_gets_an_announcement_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("announcement", None), ("issue_date__isnull", False)),
                    models.Q(("announcement__isnull", False), ("issue_date", None)),
                    _connector="OR",
                ),
                name="a_delivery_is_a_digest_or_an_announcement",
            ),
        ),
    ]
