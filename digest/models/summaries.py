"""Summaries of papers in one sentence by a model, and the account of its calls."""

from __future__ import annotations

from django.db import models

from digest.models.papers import Paper


class PaperSummaryQuerySet(models.QuerySet["PaperSummary"]):
    def shown(self) -> PaperSummaryQuerySet:
        """Those that digests may show, that of the paper's own source last."""
        return self.exclude(text="").filter(dropped_at=None).order_by("-source", "pk")


class PaperSummary(models.Model):
    """A paper in one sentence, written by a model. The text never changes, since planned digests refer to it."""

    class Source(models.TextChoices):
        HUGGING_FACE = "hugging_face", "Hugging Face"
        MODEL = "model", "the operator's model"

    paper = models.ForeignKey(Paper, models.CASCADE, related_name="summaries")
    source = models.CharField(max_length=12, choices=Source)
    text = models.CharField(max_length=300, blank=True, help_text="empty: the answer was refused")
    refused = models.CharField(max_length=8, blank=True, help_text="why the answer is not shown")
    made_at = models.DateTimeField()
    dropped_at = models.DateTimeField(null=True, blank=True, help_text="when a curator dropped it")

    objects = PaperSummaryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "paper summaries"
        constraints = [
            models.UniqueConstraint(fields=["paper", "source"], name="a_paper_has_one_summary_of_a_source"),
        ]

    def __str__(self) -> str:
        return self.text[:100] or f"refused: {self.refused}"


class SummaryDay(models.Model):
    """The account of one UTC day's calls of the model that writes summaries."""

    date = models.DateField(unique=True)
    calls = models.PositiveIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0, help_text="in a row, until now")
    failed_at = models.DateTimeField(null=True, blank=True)
    last_failure = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-date"]

    def __str__(self) -> str:
        return f"{self.date}: {self.calls} calls"
