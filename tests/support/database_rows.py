"""Everything that is in the database, to say that something changed nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import connection

from subscriptions.models import RateCounter


def every_row() -> Iterator[tuple[str, list[Any]]]:
    """Each table with its rows, but for the counts of what visitors ask for: they go by themselves."""
    for model in apps.get_models():
        if model is not RateCounter:
            yield model._meta.label, list(model._default_manager.order_by("pk").values_list())


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table."""
    tables = connection.introspection.table_names()
    with connection.cursor() as cursor:
        rows = {}
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            rows[table] = sorted(map(repr, cursor.fetchall()))
    assert {model._meta.db_table for model in apps.get_models()} <= set(rows)
    return rows
