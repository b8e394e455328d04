"""Leases: a turn that one process holds."""

from __future__ import annotations

from django.db import models


class Lease(models.Model):
    """A turn that one process holds at a time: the minute tick, each host's next request."""

    name = models.CharField(max_length=200)
    holder = models.CharField(max_length=100, blank=True)
    until = models.DateTimeField()
    last_ok_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name"], name="a_lease_has_one_holder")]

    def __str__(self) -> str:
        return self.name
