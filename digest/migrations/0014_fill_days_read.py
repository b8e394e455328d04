from django.db import migrations


def fill(apps, schema_editor):
    """The last days that each of arXiv's feeds was read, as far as its papers tell."""
    Source = apps.get_model('digest', 'Source')
    Paper = apps.get_model('digest', 'Paper')
    for source in Source.objects.filter(kind='arxiv_rss'):
        papers = Paper.objects.filter(sightings__source=source, announced_on__isnull=False)
        days = papers.order_by('-announced_on').values_list('announced_on', flat=True).distinct()[:30]
        source.days_read = sorted(day.isoformat() for day in days)
        source.save(update_fields=['days_read'])


class Migration(migrations.Migration):

    dependencies = [('digest', '0013_source_freshness')]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
