"""Say whose text each paper bears, and give papers the names that their next reading gives them.

Without the second, what is listed already under a name with a version or a tracking parameter would be mailed again.
"""

from django.db import migrations
from django.db.models import OuterRef, Q, Subquery

from digest.identifiers.canonical import canonical_identifier


def fill_told_by(apps, schema_editor):
    """The source that showed a paper first is the nearest to whose text it bears."""
    Paper, Sighting = apps.get_model("digest", "Paper"), apps.get_model("digest", "Sighting")
    first = Sighting.objects.filter(paper=OuterRef("pk")).order_by("seen_at", "pk").values("source_id")[:1]
    Paper.objects.filter(told_by=None).update(told_by_id=Subquery(first))


def rename_papers(apps, schema_editor):
    """Where another paper has the new name already, both stay as they are."""
    for model, column in (("Identifier", "value"), ("Paper", "identifier")):
        rows = apps.get_model("digest", model).objects
        named = rows.filter(Q(**{f"{column}__startswith": "doi:"}) | Q(**{f"{column}__startswith": "url:"}))
        changed = []
        for pk, name in named.order_by("pk").values_list("pk", column).iterator():
            renamed = canonical_identifier(f"https://{name[4:]}" if name.startswith("url:") else name)
            if renamed and renamed != name:
                changed.append((pk, renamed))
        for pk, renamed in changed:
            if not rows.filter(**{column: renamed}).exists():
                rows.filter(pk=pk).update(**{column: renamed})


class Migration(migrations.Migration):
    dependencies = [("digest", "0011_identity")]

    operations = [
        migrations.RunPython(fill_told_by, migrations.RunPython.noop),
        migrations.RunPython(rename_papers, migrations.RunPython.noop),
    ]
