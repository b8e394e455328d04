"""What readers said of papers: more or less like it, to be read later."""

from __future__ import annotations

from django.db import models

from digest.models.papers import Paper
from subscriptions.models import Subscriber


class Verdict(models.Model):
    class Value(models.TextChoices):
        MORE = "more"
        LESS = "less"

    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="verdicts")
    paper = models.ForeignKey(Paper, models.CASCADE, related_name="verdicts")
    value = models.CharField(max_length=4, choices=Value)
    given_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscriber", "paper"], name="a_reader_judges_a_paper_once")]
        indexes = [models.Index(fields=["given_at"], name="verdicts_by_time")]

    def __str__(self) -> str:
        return f"{self.value} {self.paper_id}"


class SavedPaper(models.Model):
    """A paper that a reader saved to read later."""

    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="saves", db_index=False)
    paper = models.ForeignKey(Paper, models.CASCADE, related_name="saves")
    saved_at = models.DateTimeField()

    class Meta:
        ordering = ["-saved_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["subscriber", "paper"], name="a_reader_saves_a_paper_once")]

    def __str__(self) -> str:
        return f"saved {self.paper_id}"


class SavedFeed(models.Model):
    """The address of a reader's feed of saved papers; deleting the row revokes it."""

    subscriber = models.OneToOneField(Subscriber, models.CASCADE, primary_key=True, related_name="saved_feed")
    name = models.CharField(max_length=16, help_text="the first half of the token; the other is its seal")
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name"], name="a_feed_has_its_own_name")]

    # Not the name: the admin's log would keep it.
    def __str__(self) -> str:
        return f"feed of {self.subscriber_id}"
