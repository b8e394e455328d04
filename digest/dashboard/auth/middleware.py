"""Require the staff to set up and enter a second factor before any other page."""

from __future__ import annotations

from collections.abc import Callable

from allauth.account.internal.flows.login import get_authentication_records
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from digest.two_factor import code_is_required, has_code

FOR_STAFF = ("/dashboard/", "/staff/", "/admin/")


def code_first(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Redirect staff pages to the code as long as codes are required. One more query per page."""

    def answer(request: HttpRequest) -> HttpResponse:
        if code_is_required() and request.path_info.startswith(FOR_STAFF) and (step := _missing(request)):
            came_from = request.get_full_path() if request.method == "GET" else reverse("dashboard_today")
            return redirect_to_login(came_from, reverse(step))
        return get_response(request)

    return answer


def _missing(request: HttpRequest) -> str:
    """Return the page to visit first, or ""; a session from before the code was set up must enter it too."""
    if not request.user.is_authenticated:
        return ""
    if not has_code(request.user):
        step, also = "mfa_activate_totp", ["account_reauthenticate", "account_logout"]
    elif not any(record.get("method") == "mfa" for record in get_authentication_records(request, request.user)):
        step, also = "mfa_reauthenticate", ["account_logout"]
    else:
        return ""
    return "" if request.path in [reverse(name) for name in (step, *also)] else step
