"""Public pages: home, the papers of a day, week or month."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from digest.models import Edition
from digest.web.own.day import own_day
from digest.web.own.page_feedback import acts_context
from digest.web.paper_lists import list_context, neighbours
from digest.web.periods import Period
from subscriptions.web.forms import SignUpForm
from subscriptions.web.sessions import reader_of, readers_own


@readers_own
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show one line to subscribe and the latest edition's papers; to a signed-in reader their own day first."""
    now = timezone.now()
    newest = Edition.objects.values_list("date", flat=True).first()
    context: dict[str, Any] = {"period": None, "canonical": reverse("home")}
    if newest:
        context |= list_context(request, Period.around(newest, "day"), now=now)
        context["canonical"] = context["canonical"] and reverse("home")
    if (reader := reader_of(request)) is None:
        return render(request, "home.html", context | {"form": SignUpForm(now=now), "own": None})
    return render(request, "home.html", context | {"own": own_day(reader, now=now)} | acts_context(request, reader))


@readers_own
@require_safe
def period(request: HttpRequest, name: str) -> HttpResponse:
    """Show the papers of a day, week or month; one without editions links to the nearest ones."""
    now = timezone.now()
    try:
        wanted = Period.named(name)
    except ValueError:  # such as 31 February
        return render(request, "no_day.html", {"period": None}, status=404)
    if not Edition.objects.filter(date__range=(wanted.first, wanted.last)).exists():
        return render(request, "no_day.html", {"period": wanted, **neighbours(wanted)}, status=404)
    context = list_context(request, wanted, now=now) | acts_context(request, reader_of(request))
    return render(request, "period.html", context | {"form": SignUpForm(now=now)})
