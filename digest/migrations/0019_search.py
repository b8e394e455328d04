"""Make the search index and fill it with the papers that are stored."""

from types import SimpleNamespace

import django.db.models.deletion
from django.db import migrations, models

from digest.search.index import fill

TABLE = {
    "sqlite": """
        CREATE VIRTUAL TABLE digest_searchtext
        USING fts5(title, authors, abstract, categories, tokenize = 'ascii', columnsize = 0)
    """,
    "postgresql": """
        CREATE TABLE digest_searchtext (
            rowid bigint PRIMARY KEY REFERENCES digest_paper (id),
            title text NOT NULL, authors text NOT NULL, abstract text NOT NULL, categories text NOT NULL,
            vector tsvector NOT NULL
        )
    """,
}
# a list of pending rows would be read by each query
INDEX = "CREATE INDEX searchtext_terms ON digest_searchtext USING gin (vector) WITH (fastupdate = off)"


def create_table(apps, schema_editor):
    schema_editor.execute(TABLE[schema_editor.connection.vendor])


def drop_table(apps, schema_editor):
    schema_editor.execute("DROP TABLE digest_searchtext")


def fill_index(apps, schema_editor):
    rows = apps.get_model("digest", "Paper").objects.order_by("pk")
    names = ("pk", "title", "authors", "abstract", "categories")
    papers = (SimpleNamespace(**dict(zip(names, row, strict=True))) for row in rows.values_list(*names).iterator(500))
    fill(schema_editor.connection, papers, total=rows.count())


def create_gin(apps, schema_editor):
    """After the rows are there, which is several times faster."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(INDEX)


class Migration(migrations.Migration):
    dependencies = [("digest", "0018_slow_rate")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(create_table, drop_table)],
            state_operations=[
                migrations.CreateModel(
                    name="SearchText",
                    fields=[
                        (
                            "paper",
                            models.OneToOneField(
                                db_column="rowid",
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                primary_key=True,
                                related_name="search_text",
                                serialize=False,
                                to="digest.paper",
                            ),
                        ),
                        ("title", models.TextField()),
                        ("authors", models.TextField()),
                        ("abstract", models.TextField()),
                        ("categories", models.TextField()),
                    ],
                )
            ],
        ),
        migrations.CreateModel(
            name="SearchWord",
            fields=[
                ("word", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("term", models.CharField(db_index=True, max_length=40)),
                ("papers", models.PositiveIntegerField()),
            ],
        ),
        migrations.RunPython(fill_index, migrations.RunPython.noop),
        migrations.RunPython(create_gin, migrations.RunPython.noop),
    ]
