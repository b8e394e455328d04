"""Leaving: one press, or one RFC 8058 POST; what may be had instead is offered afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from subscriptions import consent
from subscriptions.links import UNSUBSCRIBE, read_token
from subscriptions.models import Subscriber
from subscriptions.pages import ONE_CLICK, token_page
from subscriptions.schedule import local_date
from subscriptions.visitors import ip_of

A_WHILE = timedelta(weeks=4)
INSTEAD = ("undo", "pause", "weekly")


@token_page
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """One press or one RFC 8058 POST leaves; the same answer however often, and for whom we no longer know."""
    public_id = read_token(UNSUBSCRIBE, token)
    if request.method != "POST":
        return render(request, "unsubscribe.html", {"left": False})
    if (do := request.POST.get("do")) in INSTEAD:
        return render(request, "instead.html", {"do": do, "done": _instead(request, public_id, do)})
    name, value = ONE_CLICK
    if request.POST.get(name) != value:
        return render(request, "unsubscribe.html", {"left": False}, status=400)
    consent.unsubscribe(public_id, now=timezone.now(), **_proof(request))
    return render(request, "unsubscribe.html", {"left": True})


def _instead(request: HttpRequest, public_id: str, do: str) -> bool:
    """Take leaving back, or come back paused or weekly; whether the reader is on the list now."""
    now = timezone.now()
    zones = Subscriber.objects.filter(public_id=public_id).values_list("zone", flat=True)
    if do == "undo":
        consent.rejoin(public_id, now=now, **_proof(request))
    elif do == "weekly":
        consent.weekly(public_id, now=now)
    elif (zone := zones.first()) is not None:
        consent.pause(public_id, now=now, until=local_date(zone, now) + A_WHILE)
    return Subscriber.objects.on_the_list().filter(public_id=public_id).exists()


def _proof(request: HttpRequest) -> dict[str, Any]:
    """What the record of consent keeps of a press."""
    return {"ip": ip_of(request), "user_agent": request.headers.get("User-Agent", ""), "page": "/u/"}
