"""What came in, what is missing, what will be sent; picks, boosts and hides."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from digest.desk.pages import page, staff_only


@require_safe
@staff_only()
def today(request: HttpRequest) -> HttpResponse:
    return page(request, "today", {})


urlpatterns = [path("", today, name="desk_today")]
