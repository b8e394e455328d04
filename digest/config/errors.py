"""Error pages in the site's layout."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

FOR_STAFF = ("/dashboard/", "/staff/", "/admin/")
PLAIN = "<!doctype html><html lang=en><title>Something went wrong</title><h1>Something went wrong here</h1>"


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
    """Render the error page, or plain HTML if that fails too."""
    try:
        return render(request, "500.html", status=500)
    except Exception:
        return HttpResponse(PLAIN, status=500)
