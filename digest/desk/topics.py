"""What topics look for, and what a change of one would change."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from digest.desk.pages import page, staff_only


@require_safe
@staff_only()
def topics(request: HttpRequest) -> HttpResponse:
    return page(request, "topics", {})


urlpatterns = [path("topics", topics, name="desk_topics")]
