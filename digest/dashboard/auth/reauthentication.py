"""Ask the staff to prove who they are again before an act that cannot be taken back."""

from __future__ import annotations

from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest


def require_recent_login(request: HttpRequest) -> None:
    """Interrupt a post whose sender has not proved lately who they are; allauth takes it up again afterwards."""
    if is_reauthentication_required(request, app="digest"):
        request.GET  # noqa: B018 (read while it is there: it waits with the post)
        request.META["QUERY_STRING"] = ""  # allauth takes up a post only at an address without a query
        raise ReauthenticationRequired
