"""Vectors of titles and of readers' words, and readers' profiles."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from digest.models.papers import Paper
from subscriptions.models import Subscriber


class VectorModel(models.Model):
    """A model that makes vectors of titles. The one that is ``serving`` is used; another fills up until it can be.

    ``space`` is the mean and the whitening of the archive's vectors, float32.
    """

    name = models.CharField(max_length=200, help_text="tells it from any other model")
    dimension = models.PositiveIntegerField()
    serving = models.BooleanField(default=False)
    made_at = models.DateTimeField()
    space = models.BinaryField(default=bytes)
    space_made_at = models.DateTimeField(null=True, blank=True)
    milliseconds = models.FloatField(null=True, blank=True, help_text="for one title, in the last run")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name"], name="a_model_is_there_once"),
            models.UniqueConstraint(fields=["serving"], condition=Q(serving=True), name="one_model_serves"),
        ]

    def __str__(self) -> str:
        return self.name


class TitleVector(models.Model):
    """A paper's title as a vector of one model: float16, little-endian; empty if the model gave no number."""

    paper = models.ForeignKey(Paper, models.CASCADE, related_name="title_vectors", db_index=False)
    model = models.ForeignKey(VectorModel, models.CASCADE, related_name="title_vectors")
    vector = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["paper", "model"], name="a_title_has_a_vector_a_model")]

    def __str__(self) -> str:
        return f"vector of {self.paper_id}"


class StatedVector(models.Model):
    """The vector of the words that a reader typed, float16."""

    subscriber = models.OneToOneField(Subscriber, models.CASCADE, primary_key=True, related_name="stated_vector")
    model = models.ForeignKey(VectorModel, models.CASCADE, related_name="+")
    words_hash = models.CharField(max_length=64)
    vector = models.BinaryField()

    def __str__(self) -> str:
        return f"stated vector of {self.subscriber_id}"


class TextsVector(models.Model):
    """The sum of the title vectors of the own texts of a reader's list, which no stored paper stands for; float32."""

    subscriber = models.OneToOneField(Subscriber, models.CASCADE, primary_key=True, related_name="texts_vector")
    model = models.ForeignKey(VectorModel, models.CASCADE, related_name="+")
    titles_hash = models.CharField(max_length=64, help_text="of the titles that it was made of")
    total = models.BinaryField()
    count = models.PositiveIntegerField(help_text="titles that the model gave a vector")

    def __str__(self) -> str:
        return f"vector of the texts of {self.subscriber_id}"


class ReaderProfile(models.Model):
    """What a reader's likes say, as ``digest.ranking.profiles`` compares it; ``digest.reader_data.profiles`` writes it.

    ``grams`` are 32-bit codes in rising order, ``weights`` float16, ``vector`` float32, all little-endian.
    """

    subscriber = models.OneToOneField(Subscriber, models.CASCADE, primary_key=True, related_name="profile")
    stamp = models.CharField(max_length=200, help_text="what it was made of; another one makes it again")
    likes = models.PositiveIntegerField(default=0)
    grams = models.BinaryField(default=bytes)
    weights = models.BinaryField(default=bytes)
    weight = models.FloatField(default=0, help_text="sum of the weights of its texts")
    vector = models.BinaryField(default=bytes, help_text="weighted sum of title vectors")
    vector_weight = models.FloatField(default=0, help_text="sum of the weights of the texts that have a vector")
    vector_model = models.ForeignKey(
        VectorModel, models.SET_NULL, null=True, blank=True, related_name="+", help_text="null: to be made again"
    )
    texts_hash = models.CharField(max_length=64, blank=True, help_text="of the titles of own texts; empty for none")
    categories = models.JSONField(default=dict, help_text="share of the liked papers by category")

    # Not what is liked: the admin's log would keep it after erasure.
    def __str__(self) -> str:
        return f"profile of {self.subscriber_id}"
