"""The digest as any reader, or a made-up taste, would get it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from digest.desk.pages import page, staff_only


@require_safe
@staff_only()
def preview(request: HttpRequest) -> HttpResponse:
    return page(request, "preview", {})


urlpatterns = [path("preview", preview, name="desk_preview")]
