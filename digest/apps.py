"""The app of what is sent: what it does after a migration, and with the papers that a sign-up named."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.apps import AppConfig
from django.core.management import call_command
from django.db.models.signals import post_migrate


class DigestConfig(AppConfig):
    name = "digest"

    def ready(self) -> None:
        from subscriptions.list_given import list_given  # models are there only now
        from subscriptions.sign_up_checks import categories_checked, list_checked

        post_migrate.connect(_seed_groups, sender=self)
        list_given.connect(_keep_given)
        list_checked.connect(_check_list)
        categories_checked.connect(_check_categories)


def _keep_given(sender: type, **values: Any) -> Any:
    from digest.reading_lists.given import keep_given  # a deliverer never needs the parsers

    return keep_given(**values)


def _check_list(sender: type, *, papers: str, **_: Any) -> str:
    from digest.reading_lists.given import list_problem  # a deliverer never needs the parsers

    return list_problem(papers)


def _check_categories(sender: type, *, categories: list[str], now: datetime, **_: Any) -> list[str]:
    from digest.editions.current_time import current_time  # models are there only now
    from digest.preview.visitor import unknown_categories

    return unknown_categories(categories, now=current_time(now))


def _seed_groups(sender: AppConfig, using: str, **_: Any) -> None:
    from digest.dashboard.auth.roles import seed_groups  # models are there only now

    seed_groups()
    call_command("createcachetable", database=using, verbosity=0)
