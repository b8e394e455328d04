"""Compute one expensive page at a time, so that the others stay quick."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

TAKEN = 8  # computed or waiting, so that of the web server's threads (digest/config/web_server.py) four stay free
PATIENCE = 5.0  # seconds that a request waits for its turn
RETRY_AFTER = "5"  # seconds

# Python computes one at a time: a second one makes all pages slower, and none quicker.
_computing = threading.Lock()
_taken = threading.BoundedSemaphore(TAKEN)

View = Callable[..., HttpResponse]


def expensive(view: View) -> View:
    """Decorate a page that takes long to compute: what is over the limits is answered by 503 and Retry-After."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not _taken.acquire(blocking=False):
            return _busy(request)
        try:
            if not _computing.acquire(timeout=PATIENCE):
                return _busy(request)
            try:
                return view(request, *args, **kwargs)
            finally:
                _computing.release()
        finally:
            _taken.release()

    return answer


def _busy(request: HttpRequest) -> HttpResponse:
    response = render(request, "busy.html", status=503)
    response["Retry-After"] = RETRY_AFTER
    return response
