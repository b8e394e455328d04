"""The app of what is sent; after each migration the curators' groups and the table of the cache are there."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core.management import call_command
from django.db.models.signals import post_migrate


class DigestConfig(AppConfig):
    name = "digest"

    def ready(self) -> None:
        post_migrate.connect(_seed_groups, sender=self)


def _seed_groups(sender: AppConfig, using: str, **_: Any) -> None:
    from digest.dashboard.auth.roles import seed_groups  # models are there only now

    seed_groups()
    call_command("createcachetable", database=using, verbosity=0)
