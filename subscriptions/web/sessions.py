"""A reader's session after a sign-in link: begun by POST only, 30 days, ended by erasure or a new address."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from subscriptions.models import Subscriber

LENGTH = timedelta(days=30)
FRESH = timedelta(hours=1)  # after its link a session may also do what a stranger at the device must not
_READER, _VERSION, _SINCE = "reader", "reader_key_version", "reader_since"
_READ = "_reader_of_the_session"  # of a request, so that a page and its frame read it once


def begin(request: HttpRequest, reader: Subscriber) -> None:
    request.session.cycle_key()
    request.session[_READER], request.session[_VERSION] = reader.public_id, reader.key_version
    request.session[_SINCE] = timezone.now().timestamp()
    setattr(request, _READ, reader)
    # Staff and readers share the session of a browser, and the shorter time of the staff holds for both.
    if SESSION_KEY not in request.session:
        request.session.set_expiry(LENGTH)


def end(request: HttpRequest) -> None:
    for name in (_READER, _VERSION, _SINCE):
        request.session.pop(name, None)
    setattr(request, _READ, None)


def reader_of(request: HttpRequest) -> Subscriber | None:
    """Return the signed-in reader, or None; read once a request. A higher key_version ends every earlier session."""
    if not hasattr(request, _READ):
        setattr(request, _READ, _read(request))
    found: Subscriber | None = getattr(request, _READ)
    return found


def is_fresh(request: HttpRequest) -> bool:
    """Return whether the session's link was opened within FRESH."""
    since = request.session.get(_SINCE, 0.0)
    return bool(timezone.now().timestamp() - since < FRESH.total_seconds())


def is_signed_in(request: HttpRequest) -> bool:
    """Return whether a reader is signed in; also for a request that was refused before it had a session."""
    return hasattr(request, "session") and reader_of(request) is not None


def _read(request: HttpRequest) -> Subscriber | None:
    if not (public_id := request.session.get(_READER)):
        return None
    return (
        Subscriber.objects.exclude(status__in=[Subscriber.Status.PENDING, Subscriber.Status.ERASED])
        .filter(public_id=public_id, key_version=request.session.get(_VERSION, 0))
        .first()
    )


def readers_own(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorate a public page that shows a signed-in reader what is theirs: no copy of it is kept."""

    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if reader_of(request):
            response["Cache-Control"] = "no-store"
        return response

    return page


def reader_page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorate a page for signed-in readers, called with ``reader``; others go to the sign-in page. Never cached."""

    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        reader = reader_of(request)
        response = view(request, *args, reader=reader, **kwargs) if reader else redirect("sign_in")
        response["Cache-Control"] = "no-store"
        response["X-Robots-Tag"] = "noindex"
        return response

    return page
