"""Refuse requests that are larger than their view takes, before anything of them is parsed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

FORM = 256 * 1024  # octets of a request, where its view declares nothing else
DRAINED = 32 << 20  # octets of a refused request that are read and thrown away
PIECE = 1 << 16
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")

View = Callable[..., HttpResponse]
V = TypeVar("V", bound=View)


def takes_up_to(size: int) -> Callable[[V], V]:
    """Decorate a view that takes requests of ``size`` octets, such as files."""

    def declare(view: V) -> V:
        # functions take attributes, of which their type knows nothing
        view.largest_request = size  # type: ignore[attr-defined]
        return view

    return declare


class RefuseLargeRequests:
    """Answer 413 to a request that is larger than its view takes; the forms' CSRF token is looked for later."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
        size = _size(request)
        if size <= getattr(view, "largest_request", FORM):
            return None
        # without this the connection would be cut before our answer is heard
        left = size if size <= DRAINED else 0
        while left > 0 and (piece := request.read(min(left, PIECE))):
            left -= len(piece)
        is_form = request.content_type in FORMS
        return render(request, "413.html", status=413) if is_form else HttpResponse(status=413)


def _size(request: HttpRequest) -> int:
    """Return the size that a request states; without one, WSGI gives it no body at all."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else 0
