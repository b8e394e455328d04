"""Move an installation from its SQLite file to PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.core.management.color import no_style
from django.db import DatabaseError, connection, connections, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import ConnectionHandler

from digest.compose.phrases import plural
from digest.management.database_lock import alone_on_this_database
from digest.models import Delivery, Paper, SearchText, SearchWord
from digest.search.index import fill
from subscriptions.models import Subscriber

OLD = "sqlite"  # alias of the connection to the file
# Of their own form on PostgreSQL, and made of the papers.
MADE_ANEW = (SearchText, SearchWord)
COUNTED: dict[type[models.Model], str] = {
    Subscriber: "reader",
    Paper: "paper",
    Delivery: "digest",
    User: "staff account",
}


class Command(BaseCommand):
    help = (
        "Copy everything of the real days from BROADSHEET_VAR/broadsheet.sqlite3 into the empty PostgreSQL database of "
        "DATABASE_URL: readers, consent, papers, editions, digests, staff, settings. The search index is made anew. "
        "Stop the service first. All or nothing is copied, and the file stays as it is. "
        "Exit codes: 0 done; 1 not possible, with the reason; 2 wrong arguments."
    )

    def handle(self, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError("Set DATABASE_URL to an empty PostgreSQL database first.")
        file = settings.VAR / f"{settings.DATABASE_FILES['live']}.sqlite3"
        if not file.is_file():
            raise CommandError(f"There is no {file}.")
        # its write lock keeps commands from writing what would not come along
        with alone_on_this_database(), _opened(file), transaction.atomic(using=OLD), transaction.atomic():
            _refuse_old_tables(file)
            _refuse_used_database()
            copied = _copy_all()
        seen = ", ".join(plural(copied[model], word) for model, word in COUNTED.items())
        self.stdout.write(f"Copied all of {file}: {seen}.")
        self.stdout.write("Never start the service on this file again: it would send digests a second time.")


@contextmanager
def _opened(file: Path) -> Iterator[None]:
    """Connect the alias OLD to the file; its transactions hold the write lock."""
    opened = {"ENGINE": "django.db.backends.sqlite3", "NAME": file, "OPTIONS": {"transaction_mode": "IMMEDIATE"}}
    connections[OLD] = ConnectionHandler({"default": {}, OLD: opened}).create_connection(OLD)
    try:
        yield
    finally:
        connections[OLD].close()
        del connections[OLD]


def _refuse_old_tables(file: Path) -> None:
    try:
        executor = MigrationExecutor(connections[OLD])
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        raise CommandError(f"{file} cannot be read: {error}") from error
    if waiting:
        raise CommandError(f"{file} is of an earlier version. Without DATABASE_URL, run: ./run manage migrate")


def _refuse_used_database() -> None:
    for model, word in COUNTED.items():
        if model._base_manager.exists():
            raise CommandError(f"The database of DATABASE_URL has {word}s already. Name an empty one there.")


def _copy_all() -> dict[type[models.Model], int]:
    """Replace what the migrations wrote by all rows of the file; return their numbers."""
    tables = connection.introspection.django_table_names(only_existing=True)
    copying = [one for one in apps.get_models(include_auto_created=True) if one._meta.can_migrate(connection)]
    with connection.cursor() as cursor:
        for statement in connection.ops.sql_flush(no_style(), tables):
            cursor.execute(statement)
        copied = {model: _copy(model, cursor) for model in copying if model not in MADE_ANEW}
        for statement in connection.ops.sequence_reset_sql(no_style(), list(copied)):
            cursor.execute(statement)
    fill(connection, Paper.objects.order_by("pk").iterator(500), total=copied[Paper])
    return copied


def _copy(model: type[models.Model], cursor: Any) -> int:
    """Copy the rows of one table as they are, and with their keys: by COPY, as millions of digests may be there."""
    fields = model._meta.concrete_fields
    quoted = connection.ops.quote_name
    columns = ", ".join(quoted(str(field.column)) for field in fields)
    rows = model._base_manager.using(OLD).order_by("pk")
    count = 0
    try:
        with cursor.copy(f"COPY {quoted(model._meta.db_table)} ({columns}) FROM STDIN") as target:
            for row in rows.values_list(*(field.attname for field in fields)).iterator():
                target.write_row(
                    [field.get_db_prep_save(value, connection) for field, value in zip(fields, row, strict=True)]
                )
                count += 1
    except psycopg.Error as error:
        why = str(error).splitlines()[0]
        which = _row_refused(error, rows) or f"a row of {model._meta.db_table}"
        raise CommandError(f"Nothing was copied: PostgreSQL refuses {which}: {why}") from error
    return count


def _row_refused(error: psycopg.Error, rows: models.QuerySet[Any]) -> str:
    """Return which of these rows an error of COPY is about, without its values; empty where the error names none."""
    # "COPY digest_paper, line 3, column title: ..."
    found = re.match(r"COPY \S+, line (\d+)(?:, column (\w+))?", error.diag.context or "")
    key = rows.values_list("pk", flat=True)[int(found[1]) - 1 : int(found[1])].first() if found else None
    if not found or key is None:
        return ""
    column = f"{found[2]} of " if found[2] else ""
    return f"{column}the row {key} of {rows.model._meta.db_table}"
