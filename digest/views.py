"""The public pages about what was sent."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from digest.compose import Card
from digest.models import Edition

SHOWN = 50


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The latest edition's papers in trending order."""
    edition = Edition.objects.first()
    rows = edition.candidates.order_by("-trending", "paper__identifier")[:SHOWN] if edition else []
    papers = [(Card.from_json(row.card), row.trending) for row in rows]
    return render(request, "home.html", {"edition": edition, "papers": papers})
