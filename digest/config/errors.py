"""Error pages in the site's layout."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from digest.config.storage_errors import explain_storage_error

FOR_STAFF = ("/dashboard/", "/staff/", "/admin/")
PLAIN = "<!doctype html><html lang=en><title>Something went wrong</title><h1>Something went wrong here</h1>"
PLAIN_AWAY = (
    "<!doctype html><html lang=en><title>Back in a moment</title><h1>Back in a moment</h1>"
    "<p>The database cannot be used just now, and nothing was saved. Please try again in a minute."
)
RETRY_AFTER = "60"  # seconds


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path_info.startswith(FOR_STAFF):
        return render(request, "dashboard/forbidden.html", {"why": str(exception)}, status=403, using="django")
    return render(request, "403.html", status=403)


def forbidden_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without its CSRF token (the setting CSRF_FAILURE_VIEW)."""
    return render(request, "403.html", status=403)


def too_many(request: HttpRequest) -> HttpResponse:
    """Answer too many attempts to sign in or to reauthenticate."""
    return render(request, "dashboard/too_many.html", status=429, using="django")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "404.html", status=404)


def broken(request: HttpRequest) -> HttpResponse:
    """Render the error page, or that of a database that is away or full; plain HTML if that fails too."""
    # Django calls this while it handles the exception, and does not pass it on
    error = sys.exc_info()[1]
    away = error is not None and explain_storage_error(error) is not None
    status = 503 if away else 500
    try:
        response = render(request, f"{status}.html", status=status)
    except Exception:
        response = HttpResponse(PLAIN_AWAY if away else PLAIN, status=status)
    if away:
        response["Retry-After"] = RETRY_AFTER
    return response
