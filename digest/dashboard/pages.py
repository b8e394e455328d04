"""What every page of the dashboard has in common: who may see it, who may act there, and what surrounds it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject
from django.views.decorators.cache import never_cache

from digest.dashboard.auth.reauthentication import require_recent_login
from digest.dashboard.auth.roles import Role, roles_of
from digest.two_factor import code_is_required

View = Callable[..., HttpResponse]

PAGES = [  # address name, label, the role it takes to see it (None: any of the staff)
    ("dashboard_today", "Today", None),
    ("dashboard_preview", "Preview", None),
    ("dashboard_sources", "Sources", None),
    ("dashboard_topics", "Topics", None),
    ("dashboard_deliveries", "Deliveries", None),
    ("dashboard_readers", "Readers", Role.PRIVACY),
]


def staff_only(
    *, seen_by: Role | None = None, done_by: Role | None = None, asked_again: bool = False
) -> Callable[[View], View]:
    """A page of the dashboard: who is not signed in is asked to, and others than the staff are refused (403).

    ``seen_by`` is the role that it takes to open the page, ``done_by`` the one to post to it. With ``asked_again`` who
    posts proves once more who they are, if that is longer ago than ACCOUNT_REAUTHENTICATION_TIMEOUT; the post is then
    taken up where it was.
    """

    def decorate(view: View) -> View:
        @never_cache
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not (request.user.is_active and request.user.is_staff):
                raise PermissionDenied("This page is for the staff.")
            needed = {seen_by, done_by if request.method == "POST" else None} - {None}
            if needed - roles_of(request.user):
                raise PermissionDenied(f"This takes the role {min(filter(None, needed))}.")
            if asked_again and request.method == "POST":
                require_recent_login(request)
            return view(request, *args, **kwargs)

        return answer

    return decorate


def page(request: HttpRequest, name: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """The page ``dashboard/<name>.html`` with the dashboard around it."""
    roles = roles_of(request.user)
    shared = {
        "pages": [(address, label) for address, label, role in PAGES if role is None or role in roles],
        "here": request.resolver_match.url_name if request.resolver_match else "",
        "may": {role.value: role in roles for role in Role},
    }
    return render(request, f"dashboard/{name}.html", {**shared, **context}, status=status, using="django")


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Return the links to our pages for those of signing in; a context processor. No query if nobody asks."""

    def pages() -> list[tuple[str, str]]:
        roles = roles_of(request.user)
        return [(address, label) for address, label, role in PAGES if roles and (role is None or role in roles)]

    return {"pages": SimpleLazyObject(pages), "code_is_required": code_is_required()}
