"""Editions: a day's candidates, frozen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import reduce

from django.db import connection, models
from django.db.models.expressions import RawSQL

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
        return self._without(papers_not_shown(now))

    def public(self, now: datetime) -> EditionPaperQuerySet:
        """Return the papers that have a public page: not under embargo, and not hidden by the latest judgement.

        As in planning, a paper judged for one edition bears that in the next ones too. A withdrawn one is among them:
        its page says so.
        """
        return self._without(_kept_back(now))

    def _without(self, lists: Sequence[RawSQL]) -> EditionPaperQuerySet:
        return reduce(lambda rows, papers: rows.exclude(paper__in=papers), lists, self)

    def with_days(self) -> EditionPaperQuerySet:
        """Load the editions too, without their counts, which would be read again for every row."""
        counts = ("completeness", "tally", "topic_counts", "seen_before")
        return self.select_related("edition").defer(*(f"edition__{name}" for name in counts))


# Short lists, read once for a query. As text, since each page asks for them several times, and Django takes some 3 ms
# to write them.
_HIDDEN = (
    "SELECT judged.paper_id FROM digest_curatorpick judged WHERE judged.verdict = 'hide' AND judged.edition_date <= %s"
    " AND NOT EXISTS (SELECT 1 FROM digest_curatorpick later WHERE later.paper_id = judged.paper_id"
    " AND later.edition_date > judged.edition_date AND later.edition_date <= %s)"
)
_HELD_BACK = "SELECT paper_id FROM digest_curatorpick WHERE embargo_until > %s"
# Withdrawn papers are few: a join would read every paper.
_WITHDRAWN = "SELECT id FROM digest_paper WHERE withdrawn_at IS NOT NULL"


def papers_not_shown(now: datetime) -> tuple[RawSQL, ...]:
    """Return the papers that public lists leave out: hidden, under embargo, and withdrawn ones.

    They are apart, since PostgreSQL takes each list to halve the rows: with one for all it expects so many matches of a
    search that it reads papers from the newest on, for seconds, and not the index of words.
    """
    return (*_kept_back(now), RawSQL(_WITHDRAWN, ()))  # noqa: S611 (values are bound)


def read_not_shown(now: datetime) -> set[int]:
    """Read the numbers of the papers that public lists leave out. One query."""
    lists = papers_not_shown(now)
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(one.sql for one in lists), [value for one in lists for value in one.params])
        return {paper_id for (paper_id,) in cursor.fetchall()}


def _kept_back(now: datetime) -> tuple[RawSQL, ...]:
    day, moment = connection.ops.adapt_datefield_value(now.date()), connection.ops.adapt_datetimefield_value(now)
    return RawSQL(_HIDDEN, (day, day)), RawSQL(_HELD_BACK, (moment,))  # noqa: S611 (values are bound)


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
