"""Mail providers: the state of sending through each, and the events that they send."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from digest.models.deliveries import Delivery


class Provider(models.Model):
    """The state of sending through one mail provider: paused by somebody, its breaker, and its pace."""

    class Status(models.TextChoices):
        RUNNING = "running"
        PAUSED = "paused"

    name = models.CharField(max_length=20, help_text="as MAIL_PROVIDER names it")
    status = models.CharField(max_length=7, choices=Status, default=Status.RUNNING)
    held_until = models.DateTimeField(null=True, blank=True, help_text="nothing is handed over before this")
    why = models.CharField(max_length=300, blank=True, help_text="why it was paused or held last")
    paused_by = models.CharField(max_length=150, blank=True, help_text="empty: by a command")
    paused_at = models.DateTimeField(null=True, blank=True)
    counted_since = models.DateTimeField(null=True, blank=True, help_text="refusals before this are not counted")
    slow_rate = models.FloatField(null=True, blank=True, help_text="mails a second since it found us too fast")
    slow_answer = models.CharField(max_length=20, blank=True, help_text="the refusal by which it said so")
    slowed_at = models.DateTimeField(null=True, blank=True)
    next_at = models.DateTimeField(null=True, blank=True, help_text="when its rate lets the next mail go")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name"], name="a_provider_is_one_row")]

    def __str__(self) -> str:
        return self.name


class DeliveryEvent(models.Model):
    """An event as a mail provider sent it, before it is applied."""

    dedupe_key = models.CharField(max_length=200)
    delivery = models.ForeignKey(Delivery, models.SET_NULL, null=True, blank=True, related_name="events")
    kind = models.CharField(max_length=20)
    at = models.DateTimeField()
    raw = models.JSONField(default=dict)
    processed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-at"]
        constraints = [models.UniqueConstraint(fields=["dedupe_key"], name="an_event_is_stored_once")]
        indexes = [
            models.Index(fields=["processed_at"], name="events_to_settle_or_forget"),
            models.Index(fields=["at"], condition=Q(kind="unknown"), name="events_not_understood"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.delivery_id}"
