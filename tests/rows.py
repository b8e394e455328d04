"""Everything that is in the database, to say that something changed nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps


def every_row() -> Iterator[tuple[str, list[Any]]]:
    """Each table with its rows, but for the cache's: what is in it goes by itself."""
    for model in apps.get_models():
        if model._meta.db_table != "cache":
            yield model._meta.label, list(model._default_manager.order_by("pk").values_list())
