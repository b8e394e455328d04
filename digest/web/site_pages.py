"""Pages about the site itself: what it is, what it keeps, what robots may read, and its icon."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from digest.models import Source
from digest.ranking.trending import GRACE_HOURS, GRAVITY
from digest.reader_data.retention import KEPT
from subscriptions.retention import UNCONFIRMED
from subscriptions.web.sessions import LENGTH

# What is a reader's own, changes something when its button is clicked, or has too many addresses
NOT_FOR_ROBOTS = (
    *("/papers/?", "/preferences", "/dashboard/", "/staff/", "/admin/"),
    *("/a/", "/c/", "/d/", "/f/", "/own/", "/p/", "/s/", "/u/"),
)


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """Say what the service is, where its papers come from, how they are ordered and who runs it."""
    context = {
        "sources": list(Source.objects.filter(active=True).order_by("name").values_list("name", flat=True)),
        "mode": settings.MODE,
        "formula": {"gravity": GRAVITY, "grace": int(GRACE_HOURS)},
        "canonical": reverse("about"),
    }
    return render(request, "about.html", context | _operator())


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """Say what is stored about visitors and readers, for how long, and how to be rid of it."""
    context = {
        "unconfirmed": UNCONFIRMED.days,
        "kept": KEPT.days,
        "session_days": LENGTH.days,
        "canonical": reverse("privacy"),
    }
    return render(request, "privacy.html", context | _operator())


def _operator() -> dict[str, str]:
    return {"postal_address": settings.POSTAL_ADDRESS, "contact": settings.CONTACT}


@require_safe
@cache_control(public=True, max_age=3600)
def robots(request: HttpRequest) -> HttpResponse:
    """Tell robots where the sitemap is and what to leave alone."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in NOT_FOR_ROBOTS)]
    lines += ["", f"Sitemap: {settings.SITE_URL}{reverse('sitemap')}", ""]
    return HttpResponse("\n".join(lines), content_type="text/plain; charset=utf-8")


@require_safe
@cache_control(public=True, max_age=86_400)
def favicon(request: HttpRequest) -> HttpResponse:
    """Lead programs that ask for an icon by its old name to the one that pages name."""
    return HttpResponseRedirect(static("icon.svg"))
