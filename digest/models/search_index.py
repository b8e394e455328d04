"""The words of papers, as search compares them."""

from __future__ import annotations

from django.db import models

from digest.models.papers import Paper


class SearchText(models.Model):
    """A paper's fields as search compares them, terms parted by spaces; ``digest.search.index`` writes it.

    On SQLite it is a full-text table (FTS5); on PostgreSQL it has one more column, ``vector``, with a GIN index.
    """

    paper = models.OneToOneField(
        Paper, models.CASCADE, primary_key=True, db_column="rowid", related_name="search_text", db_index=False
    )
    title = models.TextField()
    authors = models.TextField()
    abstract = models.TextField()
    categories = models.TextField()

    def __str__(self) -> str:
        return f"search text of {self.paper_id}"


class SearchWord(models.Model):
    """A word that papers have, its term in the index, and about how many papers have it: what corrections offer."""

    word = models.CharField(max_length=40, primary_key=True)
    term = models.CharField(max_length=40, db_index=True)
    papers = models.PositiveIntegerField()

    def __str__(self) -> str:
        return self.word
