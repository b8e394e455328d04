"""Find the events that are not understood without reading all others."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('digest', '0015_published_precision'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='deliveryevent',
            index=models.Index(condition=models.Q(('kind', 'unknown')), fields=['at'], name='events_not_understood'),
        ),
    ]
