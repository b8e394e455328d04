"""Leaving: one press, or one RFC 8058 POST; what may be had instead is offered afterwards."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from subscriptions import consent
from subscriptions.models import Subscriber
from subscriptions.rate_limits import proof
from subscriptions.schedule import local_date
from subscriptions.tokens import UNSUBSCRIBE, read_token
from subscriptions.web.decorators import ONE_CLICK, token_page

A_WHILE = timedelta(weeks=4)
INSTEAD = ("undo", "pause", "weekly")


@token_page
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """One press or one RFC 8058 POST leaves; the same answer however often, and for whom we no longer know."""
    public_id = read_token(UNSUBSCRIBE, token)
    if request.method != "POST":
        return render(request, "unsubscribe.html", {"left": False})
    name, value = ONE_CLICK
    now, whence = timezone.now(), proof(request, "/u/")
    if request.POST.get(name) == value:  # whatever else is in it: this one may come from another site
        consent.unsubscribe(public_id, now=now, **whence)
        return render(request, "unsubscribe.html", {"left": True})
    if (do := request.POST.get("do")) not in INSTEAD:
        return render(request, "unsubscribe.html", {"left": False}, status=400)
    reader = _instead(public_id, do, now, whence)
    rests = reader is not None and reader.is_paused(local_date(reader.zone, now))
    return render(request, "instead.html", {"do": do, "done": reader is not None, "rests": rests})


def _instead(public_id: str, do: str, now: datetime, whence: dict[str, Any]) -> Subscriber | None:
    """Take leaving back, and then pause or have less; the reader, if they are on the list now."""
    listed = Subscriber.objects.on_the_list().filter(public_id=public_id)
    with transaction.atomic():
        consent.undo_unsubscribe(public_id, now=now, **whence)
        if do == "weekly":
            consent.weekly(public_id, now=now, **whence)
        elif do == "pause" and (reader := listed.first()):
            consent.pause(public_id, now=now, until=local_date(reader.zone, now) + A_WHILE, **whence)
    return listed.first()
