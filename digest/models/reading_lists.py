"""Readers' own lists: files and libraries, and the works in them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from digest.models.papers import Paper
from digest.source_errors import ErrorKind
from subscriptions.models import Subscriber


class ListSource(models.Model):
    """A part of a reader's own list: a file, pasted text, or a library that is read again each week."""

    class Kind(models.TextChoices):
        FILE = "file"
        PASTED = "pasted", "pasted text"
        ZOTERO_USER = "zotero_user", "Zotero library"
        ZOTERO_GROUP = "zotero_group", "Zotero group"
        ORCID = "orcid", "ORCID record"

    class State(models.TextChoices):
        WAITING = "waiting", "waiting to be read"
        READ = "read", "read; the reader has not kept it yet"
        KEPT = "kept"

    LIBRARIES = (Kind.ZOTERO_USER, Kind.ZOTERO_GROUP, Kind.ORCID)

    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="list_sources")
    kind = models.CharField(max_length=12, choices=Kind)
    name = models.CharField(
        max_length=100,
        blank=True,
        help_text="the file's, how a pasted text begins, or the number of a library or person",
    )
    state = models.CharField(max_length=7, choices=State)
    given_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True, help_text="when it was last read without a problem")
    next_read_at = models.DateTimeField(null=True, blank=True, help_text="of a library")
    failures = models.PositiveSmallIntegerField(default=0, help_text="in a row, until now")
    problem = models.CharField(
        max_length=40,
        blank=True,
        choices=[(kind.value, kind.replace("_", " ")) for kind in ErrorKind],
        help_text="why the last reading brought nothing",
    )
    found = models.JSONField(default=dict, blank=True, help_text="a ReadingResult, emptied when it is kept")

    class Meta:
        ordering = ["-given_at", "-pk"]
        indexes = [models.Index(fields=["next_read_at"], name="libraries_to_read")]
        constraints = [
            models.UniqueConstraint(
                fields=["subscriber", "kind", "name"],
                condition=Q(kind__in=["zotero_user", "zotero_group", "orcid"]),
                name="a_reader_names_a_library_once",
            )
        ]

    # Not the name: the admin's log would keep it after erasure.
    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class ListEntryQuerySet(models.QuerySet["ListEntry"]):
    def newest(self, reader: Subscriber, *, most: int = 500) -> ListEntryQuerySet:
        """Return the entries of a reader's list that count for their ranking, newest first, with their papers."""
        mine = self.filter(subscriber=reader, taken_back=False).select_related("paper")
        return mine.order_by("-added_at", "pk")[:most]


class ListEntry(models.Model):
    """A work in a reader's own list: a paper that is stored here, or only its text as the reader gave it."""

    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="list_entries", db_index=False)
    source = models.ForeignKey(ListSource, models.CASCADE, related_name="entries")
    paper = models.ForeignKey(Paper, models.SET_NULL, null=True, blank=True, related_name="list_entries")
    name = models.CharField(max_length=510, help_text="its canonical identifier, else the hash of its title")
    title = models.TextField(help_text="clean text, as the reader's list has it; else the paper's")
    abstract = models.TextField(blank=True)
    added_at = models.DateTimeField(help_text="when the reader took it into their library, else when it was kept")
    taken_back = models.BooleanField(
        default=False, help_text="by the reader; the row stays so that the library does not bring it again"
    )

    objects = ListEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "list entries"
        ordering = ["-added_at", "pk"]
        indexes = [models.Index(fields=["subscriber", "-added_at"], name="newest_of_a_list")]
        constraints = [models.UniqueConstraint(fields=["subscriber", "name"], name="a_list_has_a_work_once")]

    def __str__(self) -> str:
        return f"list entry {self.pk}"

    @property
    def text(self) -> tuple[str, str, list[str]]:
        """Return title, abstract and categories, of the paper if it is known. Select ``paper`` before."""
        if self.paper:
            return self.paper.title, self.paper.abstract or self.abstract, self.paper.categories
        return self.title, self.abstract, []
