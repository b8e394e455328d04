"""Papers: works with all their names, where they were seen, and what sources said of them later."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from digest.models.sources import Source
from subscriptions.models import Topic


class Paper(models.Model):
    """A work, once, whatever version, category or source showed it."""

    identifier = models.CharField(max_length=510, help_text="the preferred one of its identifiers")
    title = models.TextField()
    abstract = models.TextField(blank=True)
    authors = models.JSONField(default=list, blank=True)
    categories = models.JSONField(default=list, blank=True)
    primary_category = models.CharField(max_length=100, blank=True)
    url = models.CharField(max_length=2000, blank=True)
    code_url = models.CharField(max_length=300, blank=True, default="", help_text="its repository, as a source says")
    project_url = models.CharField(max_length=300, blank=True, default="", help_text="its project's page, likewise")
    published_at = models.DateTimeField(null=True, blank=True)
    published_precision = models.CharField(
        max_length=5,
        default="day",
        choices=[(part, part) for part in ("day", "month", "year")],
        help_text="how much of the date the source gave; the rest is unknown",
    )
    announced_on = models.DateField(null=True, blank=True)
    first_seen_at = models.DateTimeField(db_index=True)
    version = models.PositiveSmallIntegerField(default=1)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    told_by = models.ForeignKey(
        Source,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="the source of its text; null: one that is no longer listed",
    )
    topics = models.ManyToManyField(Topic, blank=True, related_name="papers")

    class Meta:
        ordering = ["-first_seen_at", "identifier"]
        indexes = [
            models.Index(fields=["withdrawn_at"], condition=Q(withdrawn_at__isnull=False), name="withdrawn_papers"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["identifier"], name="a_paper_is_stored_once"),
            models.CheckConstraint(
                condition=Q(identifier__startswith="arxiv:")
                | Q(identifier__startswith="doi:")
                | Q(identifier__startswith="pmid:")
                | Q(identifier__startswith="url:")
                | Q(identifier__startswith="guid:")
                | Q(identifier__startswith="title:"),
                name="an_identifier_names_its_scheme",
            ),
        ]

    def __str__(self) -> str:
        return self.title[:100]


class Identifier(models.Model):
    """A name a work is known by: what brings two sightings of one work together."""

    value = models.CharField(max_length=510)
    paper = models.ForeignKey(Paper, models.CASCADE, related_name="identifiers")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["value"], name="an_identifier_names_one_paper")]

    def __str__(self) -> str:
        return self.value


class Sighting(models.Model):
    """A source showed a paper; written only when something changed since the last one."""

    class Announced(models.TextChoices):
        NEW = "new"
        CROSS = "cross"
        REPLACE = "replace"
        REPLACE_CROSS = "replace_cross"

    paper = models.ForeignKey(Paper, models.CASCADE, related_name="sightings")
    source = models.ForeignKey(Source, models.CASCADE, related_name="sightings")
    seen_at = models.DateTimeField()
    announced = models.CharField(max_length=13, choices=Announced, blank=True)
    points = models.IntegerField(null=True, blank=True, help_text="null: the source does not vote")
    comments = models.IntegerField(null=True, blank=True)
    stars = models.IntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["paper", "source", "seen_at"], name="a_sighting_is_written_once")
        ]
        indexes = [models.Index(fields=["seen_at"], name="sightings_by_time")]

    def __str__(self) -> str:
        return f"{self.source_id} saw {self.paper_id}"


class PaperChange(models.Model):
    """A statement of a source about a paper that curators should see: a merge, a version, a withdrawal, a text.

    A claim of a source that does not speak for the work changes nothing until a curator applies it. What was applied
    can be undone, and is then not applied again.
    """

    class Kind(models.TextChoices):
        MERGE = "merge", "two works are one"
        VERSION = "version", "a new version"
        WITHDRAWAL = "withdrawal", "withdrawn"
        TEXT = "text", "another text"

    class State(models.TextChoices):
        CLAIMED = "claimed", "claimed, not applied"
        APPLIED = "applied"
        UNDONE = "undone"
        DISMISSED = "dismissed"

    paper = models.ForeignKey(Paper, models.CASCADE, related_name="changes")
    source = models.ForeignKey(Source, models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=9, choices=State)
    at = models.DateTimeField()
    said = models.JSONField(default=dict, help_text="what the source said; of a merge the other work")
    before = models.JSONField(default=dict, blank=True, help_text="what undoing needs; empty until it is applied")

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["state", "-at"], name="changes_by_state")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.paper_id}, {self.state}"
