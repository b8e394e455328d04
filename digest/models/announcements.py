"""Announcements: mails outside the digests."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from subscriptions.models import Topic


class Announcement(models.Model):
    """A mail outside the digests to the readers of a topic, or to all: written by one member, approved by another."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        APPROVED = "approved", "approved: about to be sent"
        PLANNED = "planned", "sent to all"
        CANCELLED = "cancelled"

    subject = models.CharField(max_length=78)
    text = models.TextField(help_text="Markdown, as it was typed")
    topic = models.ForeignKey(
        Topic, models.PROTECT, null=True, blank=True, related_name="+", help_text="to its readers; null: to all readers"
    )
    status = models.CharField(max_length=9, choices=Status, default=Status.DRAFT)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    approved_at = models.DateTimeField(null=True, blank=True)
    planned_up_to = models.BigIntegerField(default=0, editable=False, help_text="readers up to this number have rows")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["draft", "cancelled"]) | Q(approved_at__isnull=False),
                name="an_announcement_that_leaves_is_approved",
            ),
        ]

    def __str__(self) -> str:
        return f"announcement {self.pk}"

    @property
    def version(self) -> str:
        """What a form carries, to tell whether the row it was made from is still the same."""
        return f"{self.pk}.{self.updated_at.timestamp():.6f}"
