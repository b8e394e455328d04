"""What became of each day's digests, and whether they may leave."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from digest.desk.pages import page, staff_only


@require_safe
@staff_only()
def deliveries(request: HttpRequest) -> HttpResponse:
    return page(request, "deliveries", {})


urlpatterns = [path("deliveries", deliveries, name="desk_deliveries")]
