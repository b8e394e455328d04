"""Who reads: consent, receipts, preferences, and why each paper was chosen."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from digest.desk.pages import page, staff_only
from digest.desk.roles import Role


@require_safe
@staff_only(seen_by=Role.PRIVACY)
def readers(request: HttpRequest) -> HttpResponse:
    return page(request, "readers", {})


urlpatterns = [path("readers", readers, name="desk_readers")]
