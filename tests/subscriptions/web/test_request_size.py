"""A request that is larger than its view takes is refused before anything of it is parsed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from subscriptions.web.request_size import FORM, RefuseLargeRequests, takes_up_to

SMALL, LARGE = "a" * (FORM - 1000), "a" * (FORM + 1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/subscribe", "/preview", "/admin/login/", "/staff/login/", "/f/TOKEN/3/more", "/u/TOKEN"]
)
def test_a_form_of_more_than_256_kb_is_refused_with_a_page(path: str) -> None:
    answer = Client(enforce_csrf_checks=True).post(path, {"topics": LARGE})
    assert answer.status_code == 413
    assert "This is too large" in answer.content.decode()
    assert answer.headers["Content-Security-Policy"]


@pytest.mark.django_db
def test_a_smaller_one_is_left_to_its_view() -> None:
    assert Client().post("/subscribe", {"topics": SMALL, "email": ""}).status_code != 413


def refusal(view: Callable[[HttpRequest], HttpResponse], body: bytes, content_type: str) -> HttpResponse | None:
    request = RequestFactory().post("/", body, content_type=content_type)
    return RefuseLargeRequests(view).process_view(request, view, (), {})


def test_a_view_says_how_much_it_takes_and_a_program_gets_no_page() -> None:
    @takes_up_to(1000)
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    assert refusal(view, b"a" * 1000, "application/json") is None
    refused = refusal(view, b"a" * 1001, "application/json")
    assert refused is not None
    assert (refused.status_code, refused.content) == (413, b"")


def test_the_body_of_a_refused_request_is_read_to_its_end_so_that_the_answer_is_heard() -> None:
    request = RequestFactory().post("/", LARGE.encode(), content_type="application/json")
    assert RefuseLargeRequests(lambda _: HttpResponse()).process_view(request, lambda _: HttpResponse(), (), {})
    assert request.read(1) == b""
