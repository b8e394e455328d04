"""A reader's visit after a magic link: begun by POST only, short, and ended by erasure or a new address."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from subscriptions.models import Subscriber

LENGTH = timedelta(hours=2)
_READER, _VERSION = "reader", "reader_key_version"


def begin(request: HttpRequest, reader: Subscriber) -> None:
    request.session.cycle_key()
    request.session[_READER], request.session[_VERSION] = reader.public_id, reader.key_version
    request.session.set_expiry(int(LENGTH.total_seconds()))


def end(request: HttpRequest) -> None:
    for name in (_READER, _VERSION):
        request.session.pop(name, None)


def reader_of(request: HttpRequest) -> Subscriber | None:
    """Who is signed in, None for a visitor; a raised key_version ends every visit begun before."""
    if not (public_id := request.session.get(_READER)):
        return None
    return (
        Subscriber.objects.exclude(status__in=[Subscriber.Status.PENDING, Subscriber.Status.ERASED])
        .filter(public_id=public_id, key_version=request.session.get(_VERSION, 0))
        .first()
    )


def reader_page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A page for a signed-in reader, called with ``reader``; others are asked to sign in. Never kept by a browser."""

    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        reader = reader_of(request)
        response = view(request, *args, reader=reader, **kwargs) if reader else redirect("sign_in")
        response["Cache-Control"] = "no-store"
        response["X-Robots-Tag"] = "noindex"
        return response

    return page
