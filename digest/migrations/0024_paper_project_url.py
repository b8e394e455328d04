from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('digest', '0023_paper_code_url'),
    ]

    operations = [
        migrations.AddField(
            model_name='paper',
            name='project_url',
            field=models.CharField(blank=True, default='', help_text="its project's page, likewise", max_length=300),
        ),
    ]
