"""How the sources fare; adding one, asking one now, switching one off."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from digest.desk.pages import page, staff_only


@require_safe
@staff_only()
def sources(request: HttpRequest) -> HttpResponse:
    return page(request, "sources", {})


urlpatterns = [path("sources", sources, name="desk_sources")]
