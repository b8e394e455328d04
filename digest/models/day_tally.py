"""Counts of days, for pages that must not count themselves."""

from __future__ import annotations

from django.db import models


class DayTally(models.Model):
    """Counts of one day, counted once an hour, so that no page has to; digest/stats/daily_counts.py says which."""

    date = models.DateField()
    counts = models.JSONField(default=dict)
    counted_at = models.DateTimeField(null=True, blank=True)
    reasons_forgotten = models.BooleanField(default=False, help_text="why its papers were chosen is not kept any more")

    class Meta:
        ordering = ["-date"]
        verbose_name_plural = "day tallies"
        constraints = [models.UniqueConstraint(fields=["date"], name="a_day_is_counted_in_one_row")]

    def __str__(self) -> str:
        return self.date.isoformat()
