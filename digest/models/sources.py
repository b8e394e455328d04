"""Sources: what is asked for papers, when, and what came of it."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q

from digest.source_errors import ErrorKind


class SourceQuerySet(models.QuerySet["Source"]):
    def due(self, now: datetime) -> SourceQuerySet:
        """Active sources whose time to be asked has come, who waited longest first."""
        due = self.filter(Q(next_check_at=None) | Q(next_check_at__lte=now), active=True)
        return due.order_by(models.F("next_check_at").asc(nulls_first=True), "pk")


class Source(models.Model):
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, help_text="one of digest.ingest.parsers.KINDS")
    url = models.CharField(max_length=500, help_text="where it is fetched from; file:<name> for a given file")
    active = models.BooleanField(default=True)
    etag = models.CharField(max_length=200, blank=True, editable=False)
    last_modified = models.CharField(max_length=100, blank=True, editable=False)
    next_check_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    last_error_kind = models.CharField(
        max_length=40,
        blank=True,
        default="",
        choices=[(kind.value, kind.replace("_", " ")) for kind in ErrorKind],
        help_text="why the last check brought nothing; empty where it brought something",
    )
    last_error = models.CharField(max_length=500, blank=True, help_text="detail of the kind, which nothing depends on")
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_reading = models.JSONField(default=dict, blank=True, help_text="what the last reading expected and stored")

    days_read = models.JSONField(
        default=list, blank=True, editable=False, help_text="days whose announcements came, of a feed that is daily"
    )
    dates_lag = models.BooleanField(
        default=False, editable=False, help_text="the dates of this daily feed are a day behind its content"
    )

    objects = SourceQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["url"], name="a_source_is_listed_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def host(self) -> str:
        """Return the host that is asked; "" for a given file."""
        return urlsplit(self.url).hostname or ""
