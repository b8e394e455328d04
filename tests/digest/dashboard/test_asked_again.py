"""An act that matters asks once more who acts, then goes on where it was: once, and by POST alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.test import Client
from django.urls import clear_url_caches, path

from digest.config import urls
from digest.dashboard import audit_log
from digest.dashboard.auth.roles import Role
from digest.dashboard.pages import page, staff_only
from tests.support.staff import PASSWORD, code, give_code, one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db
LONG_AGO = 600  # seconds


@staff_only(done_by=Role.SENDER, asked_again=True)
def act(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        assert isinstance(request.user, User)
        on = f" on {request.GET['day']}" if "day" in request.GET else ""
        audit_log.record(request.user, request.user, f"Acted because {request.POST['why']}{on}")
        return redirect("dashboard_deliveries")
    return page(request, "deliveries", {})


@pytest.fixture(autouse=True)
def _an_act(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    cache.clear()
    monkeypatch.setattr(urls, "urlpatterns", [path("dashboard/act", act, name="act"), *urls.urlpatterns])
    clear_url_caches()
    yield
    monkeypatch.undo()
    clear_url_caches()


def acts() -> list[str]:
    return list(LogEntry.objects.values_list("change_message", flat=True))


def ask(client: Client) -> Any:
    return client.post("/dashboard/act", {"why": "of <b>rain</b>"})


def test_who_has_just_signed_in_is_not_asked_again() -> None:
    assert ask(signed_in(one_of_the_staff(Role.SENDER))).headers["Location"] == "/dashboard/deliveries"
    assert acts() == ["Acted because of <b>rain</b>"]


def test_signing_in_counts_as_a_proof_for_five_minutes(client: Client) -> None:
    user = one_of_the_staff(Role.SENDER)
    client.post("/staff/login/", {"login": user.email, "password": PASSWORD})
    assert ask(client).headers["Location"] == "/dashboard/deliveries"


def test_the_act_waits_for_the_password_and_is_then_done_once() -> None:
    client = signed_in(one_of_the_staff(Role.SENDER), seconds_ago=LONG_AGO)
    assert ask(client).headers["Location"] == "/staff/again/?next=%2Fdashboard%2Fact"
    assert client.get("/staff/again/?next=/dashboard/act").status_code == 200
    assert acts() == []
    wrong = client.post("/staff/again/", {"password": "a guess", "next": "/dashboard/act"})
    assert "not your password" in wrong.content.decode()
    assert acts() == []
    done = client.post("/staff/again/", {"password": PASSWORD, "next": "/dashboard/act"})
    assert done.headers["Location"] == "/dashboard/deliveries"
    assert acts() == ["Acted because of <b>rain</b>"]
    client.post("/staff/again/", {"password": PASSWORD, "next": "/dashboard/act"})
    assert len(acts()) == 1


def test_an_act_at_an_address_with_a_query_is_done_too() -> None:
    client = signed_in(one_of_the_staff(Role.SENDER), seconds_ago=LONG_AGO)
    asked = client.post("/dashboard/act?day=2026-03-02", {"why": "it rains"})
    assert asked.headers["Location"] == "/staff/again/?next=%2Fdashboard%2Fact"
    client.post("/staff/again/", {"password": PASSWORD, "next": "/dashboard/act"})
    assert acts() == ["Acted because it rains on 2026-03-02"]


def test_who_has_a_code_is_asked_for_it_and_the_password_does_not_do() -> None:
    user = one_of_the_staff(Role.SENDER)
    give_code(user)
    client = signed_in(user, seconds_ago=LONG_AGO, by="mfa")
    assert ask(client).headers["Location"] == "/staff/code/again/?next=%2Fdashboard%2Fact"
    other_way = client.post("/staff/again/", {"password": PASSWORD, "next": "/dashboard/act"})
    assert other_way.headers["Location"].startswith("/staff/code/again/")
    assert "password" not in client.get("/staff/code/again/").content.decode()
    assert acts() == []
    shown = code()
    assert client.post("/staff/code/again/", {"code": shown, "next": "/dashboard/act"}).status_code == 302
    assert acts() == ["Acted because of <b>rain</b>"]
    again = signed_in(user, seconds_ago=LONG_AGO, by="mfa")
    ask(again)
    again.post("/staff/code/again/", {"code": shown, "next": "/dashboard/act"})
    assert len(acts()) == 1


def test_to_look_asks_nobody_again_and_does_nothing() -> None:
    client = signed_in(one_of_the_staff(Role.SENDER), seconds_ago=LONG_AGO)
    assert client.get("/dashboard/act").status_code == 200
    assert acts() == []


def test_an_act_that_waits_needs_its_role_when_it_goes_on() -> None:
    user = one_of_the_staff(Role.SENDER)
    client = signed_in(user, seconds_ago=LONG_AGO)
    ask(client)
    user.groups.clear()
    assert client.post("/staff/again/", {"password": PASSWORD, "next": "/dashboard/act"}).status_code == 403
    assert acts() == []


def test_who_has_not_the_role_is_told_which_and_who_gives_it() -> None:
    answer = ask(signed_in(one_of_the_staff(Role.CURATOR)))
    assert answer.status_code == 403
    assert "You need the role sender." in answer.content.decode()
    assert "An owner can give you a role" in answer.content.decode()
