"""Unsubscribe by one click or one POST (RFC 8058); alternatives are offered afterwards."""

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
from subscriptions.web.decorators import pressed, token_page

A_WHILE = timedelta(weeks=4)
INSTEAD = ("undo", "pause", "weekly")


@token_page
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Unsubscribe on POST; the answer is the same if it is repeated, and for readers who were erased.

    A GET changes nothing: it asks, or says that it is done, with the way back while there is one.
    Mail servers send RFC 8058's pair in many forms, so every POST without ``do`` unsubscribes: the signed address is
    permission enough.
    """
    public_id, now = read_token(UNSUBSCRIBE, token), timezone.now()
    if request.method != "POST":
        may_leave = [Subscriber.Status.PENDING, *consent.ON_THE_LIST]
        left = not Subscriber.objects.filter(public_id=public_id, status__in=may_leave).exists()
        can_undo = left and consent.may_undo_unsubscribe(public_id, now=now) is not None
        return render(request, "unsubscribe.html", {"left": left, "can_undo": can_undo})
    evidence = proof(request, "/u/")
    if (do := pressed(request)) is None:
        consent.unsubscribe(public_id, now=now, **evidence)
        return render(request, "unsubscribe.html", {"left": True, "can_undo": True})
    if do not in INSTEAD:
        return render(request, "unsubscribe.html", {"left": False}, status=400)
    reader = _instead(public_id, do, now, evidence)
    rests = reader is not None and reader.is_paused(local_date(reader.zone, now))
    return render(request, "instead.html", {"do": do, "done": reader is not None, "rests": rests})


def _instead(public_id: str, do: str, now: datetime, evidence: dict[str, Any]) -> Subscriber | None:
    """Undo the unsubscription, then pause or change to weekly; return the reader if they are on the list now."""
    listed = Subscriber.objects.on_the_list().filter(public_id=public_id)
    with transaction.atomic():
        consent.undo_unsubscribe(public_id, now=now, **evidence)
        if do == "weekly":
            consent.weekly(public_id, now=now, **evidence)
        elif do == "pause" and (reader := listed.first()):
            consent.pause(public_id, now=now, until=local_date(reader.zone, now) + A_WHILE, **evidence)
    return listed.first()
