"""``/health``: one answer for a watchdog."""

from __future__ import annotations

import shutil

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from digest.diagnostics.last_tick import last_tick

LEAST_FREE = 32 << 20  # bytes of the disk with the database, the outbox and the log
NOT_KEPT = {"Cache-Control": "no-store"}


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Return 200 while the last good tick is under three minutes old, the database answers and the disk has room."""
    try:
        last, is_well = last_tick(timezone.now())
        lines = [f"last good tick: {last.isoformat() if last else 'never'}"]
    except (OperationalError, InterfaceError):
        is_well, lines = False, ["the database does not answer"]
    if shutil.disk_usage(settings.VAR).free < LEAST_FREE:
        is_well = False
        lines.append("the disk is full")
    body = "\n".join(["well" if is_well else "late", *lines, ""])
    return HttpResponse(body, status=200 if is_well else 503, content_type="text/plain", headers=NOT_KEPT)
