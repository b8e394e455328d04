"""Record every act on the dashboard as one line of Django's admin log."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import Model


def record(user: User | AnonymousUser, about: Model | type[Model], what: str) -> None:
    """Record ``what`` was done to a row, or to many rows of a table, in words; call it in the act's transaction.

    Addresses are removed, since the log stays after an erasure. Raises PermissionDenied if nobody is signed in.
    """
    if not isinstance(user, User):
        raise PermissionDenied
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(about),
        object_id=str(about.pk) if isinstance(about, Model) else "",
        object_repr=str(about)[:200] if isinstance(about, Model) else str(about._meta.verbose_name_plural),
        action_flag=CHANGE,
        change_message=re.sub(r"\S+@\S+", "(address)", what),
    )


def latest(*about: type[Model], limit: int = 20) -> Iterable[LogEntry]:
    """Return the latest lines about rows of these models, newest first. One query."""
    kinds = ContentType.objects.get_for_models(*about).values()
    return (
        LogEntry.objects.filter(content_type__in=kinds).select_related("user").order_by("-action_time", "-pk")[:limit]
    )


def entries_about(row: Model, *, limit: int = 20) -> Iterable[LogEntry]:
    """Return the latest lines about one row, newest first. One query."""
    kind = ContentType.objects.get_for_model(row)
    lines = LogEntry.objects.filter(content_type=kind, object_id=str(row.pk)).select_related("user")
    return lines.order_by("-action_time", "-pk")[:limit]
