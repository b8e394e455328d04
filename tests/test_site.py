"""What holds for every page of the site: headers, errors, and nothing inline."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from digest.config import errors
from tests.support.paths import ROOT

pytestmark = pytest.mark.django_db
PAGES = ["home", "sign_up", "sign_up_sent", "sign_in", "sign_in_sent", "search"]
TEMPLATES = sorted((ROOT / "templates" / "web").glob("*.html"))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_lets_nothing_in_from_elsewhere_and_nothing_inline(name: str) -> None:
    answer = Client().get(reverse(name))
    assert answer.status_code == 200
    policy = answer["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "camera=()" in answer["Permissions-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert not re.search(r'(src|href)="(https?:)?//', answer.content.decode())


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_a_language_a_title_one_heading_and_a_way_past_the_masthead(name: str) -> None:
    page = Client().get(reverse(name)).content.decode()
    assert '<html lang="en">' in page
    assert re.search(r"<title>[^<·]+ · Broadsheet</title>", page)
    assert page.count("<h1") == 1
    assert 'href="#main">Skip' in page
    assert '<main id="main"' in page


@pytest.mark.parametrize("path", [path for path in TEMPLATES if path.name != "outbox.html"], ids=lambda path: path.name)
def test_no_template_has_inline_style_or_script(path: Any) -> None:
    text = path.read_text()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script>|javascript:", text)


def test_the_admin_lives_under_the_same_policy(admin_client: Client) -> None:
    answer = admin_client.get("/admin/")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer["Content-Security-Policy"]


# Errors --------------------------------------------------------------------------------------------------------------


def test_a_page_that_is_not_there() -> None:
    answer = Client().get("/no/such/page")
    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()


def test_a_form_of_too_many_fields_is_told_to_be_shorter() -> None:
    answer = Client().post("/subscribe", {f"field{number}": "x" for number in range(1_001)})
    assert answer.status_code == 400
    assert "This request could not be read" in answer.content.decode()


def test_a_form_of_many_megabytes_is_told_to_be_shorter() -> None:
    answer = Client().post(
        "/subscribe", "keywords=" + "x" * 3_000_000, content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 400
    assert "shorten what you wrote" in answer.content.decode()


def test_what_breaks_is_said_in_the_house_style(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subscriptions.web.sign_in.render", None)
    answer = Client(raise_request_exception=False).get("/sign-in")
    assert answer.status_code == 500
    assert "It is not your fault" in answer.content.decode()


def test_a_broken_error_page_still_answers(monkeypatch: pytest.MonkeyPatch, rf: Any) -> None:
    monkeypatch.setattr(errors, "render", None)
    answer = errors.broken(rf.get("/"))
    assert answer.status_code == 500
    assert b"Something went wrong" in answer.content
