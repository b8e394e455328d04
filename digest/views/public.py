"""The public pages about what was sent."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from digest.compose import Card
from digest.doctor import last_tick
from digest.models import Edition

SHOWN = 50
NOT_KEPT = {"Cache-Control": "no-store"}


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The latest edition's papers in trending order."""
    edition = Edition.objects.first()
    rows = edition.candidates.shown(timezone.now()).most_trending_first()[:SHOWN] if edition else []
    papers = [(Card.from_json(row.card), row.trending) for row in rows]
    return render(request, "home.html", {"edition": edition, "papers": papers})


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """For a watchdog: 200 while the timetable's last good tick is under three minutes old, else 503."""
    last, is_recent = last_tick(timezone.now())
    body = f"{'well' if is_recent else 'late'}\nlast good tick: {last.isoformat() if last else 'never'}\n"
    return HttpResponse(body, status=200 if is_recent else 503, content_type="text/plain", headers=NOT_KEPT)
