"""Curators' judgements of papers, and their letters."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from digest.models.papers import Paper
from subscriptions.models import Topic


class CuratorPickQuerySet(models.QuerySet["CuratorPick"]):
    def in_order(self) -> CuratorPickQuerySet:
        """Order picks as they stand in mails and lists: the newest day first, then as placed by hand."""
        return self.order_by("-edition_date", models.F("position").asc(nulls_last=True), "pk")


class CuratorPick(models.Model):
    class Verdict(models.TextChoices):
        PICK = "pick", "pick: in every digest"
        BOOST = "boost", "boost: moved up"
        HIDE = "hide", "hide: in no digest"

    paper = models.ForeignKey(Paper, models.CASCADE, related_name="curator_picks")
    edition_date = models.DateField()
    verdict = models.CharField(max_length=5, choices=Verdict)
    note = models.CharField(max_length=500, blank=True, help_text="shown to readers with a pick; why, for a hide")
    topic = models.ForeignKey(
        Topic,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="of a pick for its readers; null: for all",
    )
    position = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="of a pick among those of its day, placed by hand; null: ordered by the ranking",
    )
    embargo_until = models.DateTimeField(null=True, blank=True)
    curator = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = CuratorPickQuerySet.as_manager()

    class Meta:
        ordering = ["-edition_date", "verdict"]
        constraints = [
            models.UniqueConstraint(fields=["paper", "edition_date"], name="a_paper_is_judged_once_an_edition")
        ]

    def __str__(self) -> str:
        return f"{self.verdict} “{self.paper}” on {self.edition_date}"

    @property
    def is_pick(self) -> bool:
        return self.verdict == self.Verdict.PICK

    @property
    def place(self) -> tuple[int, bool, int, int]:
        """Return where a pick stands among others, as :meth:`CuratorPickQuerySet.in_order` has it."""
        return (-self.edition_date.toordinal(), self.position is None, self.position or 0, self.pk)

    @property
    def version(self) -> str:
        """Return what a form carries to tell whether the row it was made from is still the same."""
        return f"{self.edition_date}.{self.pk}.{self.updated_at.timestamp():.6f}"


class EditionLetter(models.Model):
    """The curators' letter above the papers of one edition's digests; an empty text is none.

    It is frozen when the first reader of the edition is planned, so that all of them get the same.
    """

    edition_date = models.DateField()
    text = models.TextField(blank=True, help_text="Markdown, as it was typed")
    frozen_at = models.DateTimeField(null=True, blank=True)
    curator = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-edition_date"]
        constraints = [models.UniqueConstraint(fields=["edition_date"], name="an_edition_has_one_letter")]

    def __str__(self) -> str:
        return f"letter of {self.edition_date}"

    @property
    def version(self) -> str:
        """What a form carries, to tell whether the row it was made from is still the same."""
        return f"{self.edition_date}.{self.pk}.{self.updated_at.timestamp():.6f}"
