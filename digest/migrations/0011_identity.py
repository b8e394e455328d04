"""Keep whose text a paper bears, and what sources said of papers that curators should see."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('digest', '0010_narrow_deliveries'),
        ('subscriptions', '0009_link_requests_and_rate_counters'),
    ]

    operations = [
        migrations.CreateModel(
            name='PaperChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('merge', 'two works are one'), ('version', 'a new version'), ('withdrawal', 'withdrawn'), ('text', 'another text')], max_length=10)),
                ('state', models.CharField(choices=[('claimed', 'claimed, not applied'), ('applied', 'Applied'), ('undone', 'Undone'), ('dismissed', 'Dismissed')], max_length=9)),
                ('at', models.DateTimeField()),
                ('said', models.JSONField(default=dict, help_text='what the source said; of a merge the other work')),
                ('before', models.JSONField(blank=True, default=dict, help_text='what undoing needs; empty until it is applied')),
            ],
            options={
                'ordering': ['-at', '-pk'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='paper',
            name='an_identifier_names_its_scheme',
        ),
        migrations.AddField(
            model_name='paper',
            name='told_by',
            field=models.ForeignKey(blank=True, help_text='the source of its text; null: one that is no longer listed', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='digest.source'),
        ),
        migrations.AddConstraint(
            model_name='paper',
            constraint=models.CheckConstraint(condition=models.Q(('identifier__startswith', 'arxiv:'), ('identifier__startswith', 'doi:'), ('identifier__startswith', 'pmid:'), ('identifier__startswith', 'url:'), ('identifier__startswith', 'guid:'), ('identifier__startswith', 'title:'), _connector='OR'), name='an_identifier_names_its_scheme'),
        ),
        migrations.AddField(
            model_name='paperchange',
            name='paper',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='digest.paper'),
        ),
        migrations.AddField(
            model_name='paperchange',
            name='source',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='digest.source'),
        ),
        migrations.AddIndex(
            model_name='paperchange',
            index=models.Index(fields=['state', '-at'], name='changes_by_state'),
        ),
    ]
