"""Expensive pages are computed one at a time; the rest is told to come back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from digest.web import expensive


def test_one_is_computed_seven_wait_and_the_rest_comes_back_later(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, go, computed = threading.Lock(), threading.Event(), {"now": 0, "most": 0}

    @expensive.expensive
    def page(request: HttpRequest) -> HttpResponse:
        with lock:
            computed["now"] += 1
            computed["most"] = max(computed.values())
        go.wait(10)
        with lock:
            computed["now"] -= 1
        return HttpResponse("made")

    def ask(_: int) -> HttpResponse:
        return page(RequestFactory().get("/search"))

    with ThreadPoolExecutor(expensive.TAKEN) as visitors:
        taken = [visitors.submit(ask, number) for number in range(expensive.TAKEN)]
        while not (expensive._taken._value == 0 and computed["now"]):
            threading.Event().wait(0.01)
        refused: Any = ask(0)
        go.set()
        assert [one.result().status_code for one in taken] == [200] * expensive.TAKEN
    assert computed["most"] == 1
    assert refused.status_code == 503
    assert refused["Retry-After"] == "5"
    assert ask(0).status_code == 200


def test_a_page_that_fails_gives_its_place_back() -> None:
    @expensive.expensive
    def page(request: HttpRequest) -> HttpResponse:
        raise ValueError("a fault")

    for _ in range(expensive.TAKEN + 1):
        with pytest.raises(ValueError, match="a fault"):
            page(RequestFactory().get("/search"))
