"""Ask the staff for their password or code again before an act that cannot be undone."""

from __future__ import annotations

from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest


def require_recent_login(request: HttpRequest) -> None:
    """Interrupt a post if the last authentication is too long ago; allauth resumes it afterwards."""
    if is_reauthentication_required(request, app="digest"):
        request.GET  # noqa: B018 (parsed before the query is emptied, and stored with the post)
        # allauth resumes a post only at an address without a query
        request.META["QUERY_STRING"] = ""
        raise ReauthenticationRequired
