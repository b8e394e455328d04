"""Shared parts of the dashboard's pages: access, roles and navigation."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache

from digest.dashboard.auth.reauthentication import require_recent_login
from digest.dashboard.auth.roles import Role, roles_of
from digest.two_factor import code_is_required

View = Callable[..., HttpResponse]

# URL name, label, the role needed to see it (None: any of the staff)
PAGES = [
    ("dashboard_today", gettext_lazy("Today"), None),
    ("dashboard_letter", gettext_lazy("Letter"), None),
    ("dashboard_announcements", gettext_lazy("Announcements"), None),
    ("dashboard_preview", gettext_lazy("Preview"), None),
    ("dashboard_sources", gettext_lazy("Sources"), None),
    ("dashboard_topics", gettext_lazy("Topics"), None),
    ("dashboard_deliveries", gettext_lazy("Deliveries"), None),
    ("dashboard_readers", gettext_lazy("Readers"), Role.PRIVACY),
    ("dashboard_staff", gettext_lazy("Staff"), Role.OWNER),
]


def staff_only(
    *, seen_by: Role | None = None, done_by: Role | None = None, asked_again: bool = False
) -> Callable[[View], View]:
    """Decorate a page of the dashboard: visitors are redirected to sign-in, users outside the staff are refused (403).

    ``seen_by`` is the role needed to open the page, ``done_by`` the one to post to it. ``asked_again`` asks for the
    password or code again before a post, if the last time is longer ago than ACCOUNT_REAUTHENTICATION_TIMEOUT; the post
    then continues.
    """

    def decorate(view: View) -> View:
        @never_cache
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not (request.user.is_active and request.user.is_staff):
                raise PermissionDenied(gettext("This page is for the staff."))
            needed = {seen_by, done_by if request.method == "POST" else None} - {None}
            if needed - roles_of(request.user):
                raise PermissionDenied(gettext("You need the role %(role)s.") % {"role": min(filter(None, needed))})
            if asked_again and request.method == "POST":
                require_recent_login(request)
            return view(request, *args, **kwargs)

        return answer

    return decorate


def page(request: HttpRequest, name: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Render ``dashboard/<name>.html`` with the dashboard's navigation."""
    roles = roles_of(request.user)
    shared = {
        "pages": [(address, label) for address, label, role in PAGES if role is None or role in roles],
        "here": request.resolver_match.url_name if request.resolver_match else "",
        "may": {role.value: role in roles for role in Role},
    }
    return render(request, f"dashboard/{name}.html", {**shared, **context}, status=status, using="django")


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Return the navigation for the pages of sign-in; a context processor. No query unless it is used."""

    def pages() -> list[tuple[str, str]]:
        roles = roles_of(request.user)
        return [(address, str(label)) for address, label, role in PAGES if roles and (role is None or role in roles)]

    return {"pages": SimpleLazyObject(pages), "code_is_required": code_is_required()}
