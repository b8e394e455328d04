"""Editions: a day's candidates, frozen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models

from digest.models.curation import CuratorPick
from digest.models.papers import Paper


class Edition(models.Model):
    """One UTC day's frozen candidates."""

    date = models.DateField()
    opened_at = models.DateTimeField()
    completeness = models.JSONField(default=list, help_text="per source: expected, stored, and what is missing")
    tally = models.JSONField(default=dict, help_text="its deliveries by status, counted once an hour")
    topic_counts = models.JSONField(
        null=True, editable=False, help_text="topic -> its papers, 0 -> all, counted once an hour; null: not yet"
    )
    seen_before = models.JSONField(
        null=True, editable=False, help_text="its papers that were in an earlier edition too; null: not looked up yet"
    )

    class Meta:
        ordering = ["-date"]
        constraints = [models.UniqueConstraint(fields=["date"], name="a_day_has_one_edition")]

    def __str__(self) -> str:
        return self.date.isoformat()


class EditionPaperQuerySet(models.QuerySet["EditionPaper"]):
    def most_trending_first(self) -> EditionPaperQuerySet:
        """Order papers by trending score, then those without votes as they were frozen, in each source's own order."""
        return self.order_by(models.F("trending").desc(nulls_last=True), "pk")

    def shown(self, now: datetime) -> EditionPaperQuerySet:
        """Return the papers that public lists may show: not withdrawn, and :meth:`public`."""
        # withdrawn papers are few: a join would read every paper
        return self.public(now).exclude(paper__in=_withdrawn())

    def public(self, now: datetime) -> EditionPaperQuerySet:
        """Return the papers that have a public page: not under embargo, and not hidden by the latest judgement.

        As in planning, a paper judged for one edition bears that in the next ones too. A withdrawn one is among them:
        its page says so.
        """
        hidden, held_back = self._kept_back(now)
        return self.exclude(paper__in=hidden).exclude(paper__in=held_back)

    def with_days(self) -> EditionPaperQuerySet:
        """Load the editions too, without their counts, which would be read again for every row."""
        counts = ("completeness", "tally", "topic_counts", "seen_before")
        return self.select_related("edition").defer(*(f"edition__{name}" for name in counts))

    def not_shown(self, now: datetime) -> set[int]:
        """Return the papers that :meth:`shown` leaves out, of all editions. One query."""
        first, *others = self.papers_not_shown(now)
        return {row["paper"] for row in first.union(*others)}

    def papers_not_shown(self, now: datetime) -> tuple[models.QuerySet[Any, Any], ...]:
        """Return the papers that :meth:`shown` leaves out: hidden, under embargo, and withdrawn ones."""
        return (*self._kept_back(now), _withdrawn())

    @staticmethod
    def _kept_back(now: datetime) -> tuple[models.QuerySet[Any, Any], models.QuerySet[Any, Any]]:
        """Return the papers that are hidden, and those under embargo: short lists, read once for a query."""
        judged = CuratorPick.objects.filter(edition_date__lte=now.date())
        later = judged.filter(paper=models.OuterRef("paper"), edition_date__gt=models.OuterRef("edition_date"))
        hidden = judged.filter(~models.Exists(later), verdict=CuratorPick.Verdict.HIDE)
        held_back = CuratorPick.objects.filter(embargo_until__gt=now)
        return hidden.order_by().values("paper"), held_back.order_by().values("paper")


def _withdrawn() -> models.QuerySet[Any, Any]:
    return Paper.objects.filter(withdrawn_at__isnull=False).order_by().values("pk")


class EditionPaper(models.Model):
    """A candidate as it stood when its edition opened."""

    edition = models.ForeignKey(Edition, models.CASCADE, related_name="candidates")
    paper = models.ForeignKey(Paper, models.CASCADE, related_name="candidacies")
    trending = models.FloatField(null=True, help_text="today's score; null where nobody votes")
    inputs = models.JSONField(default=dict, help_text="what the score was computed from")
    card = models.JSONField(help_text="title, authors, sentence, url and facts as they are mailed")
    readers = models.PositiveIntegerField(
        null=True, editable=False, help_text="how many asked for something it has; counted once an hour"
    )

    objects = EditionPaperQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["edition", "paper"], name="a_paper_is_a_candidate_once_an_edition")
        ]
        # public lists count and order papers from it alone: a row with its card is fifty times as wide
        indexes = [models.Index(fields=["edition", "trending", "paper"], name="candidates_in_order")]

    def __str__(self) -> str:
        return f"{self.paper_id} in {self.edition_id}"
