"""What holds for every page of the site: headers, errors, and nothing inline."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.template import engines
from django.template.loader import render_to_string
from django.test import Client
from django.urls import resolve, reverse
from django.utils import translation

from digest.config import errors
from digest.config.web import environment, json_ld
from digest.web import urls as web_urls
from subscriptions import urls as subscription_urls

pytestmark = pytest.mark.django_db
PAGES = ["home", "sign_up", "sign_up_sent", "sign_in", "sign_in_sent", "search", "about", "privacy"]
TEMPLATES = sorted((Path(__file__).parents[1] / "templates" / "web").glob("*.html"))
JINJA = [*TEMPLATES, *sorted((Path(__file__).parents[1] / "templates" / "email").iterdir())]


def test_words_of_pages_are_in_the_language_of_the_request_and_what_is_filled_in_is_escaped() -> None:
    monday = environment(autoescape=True).from_string(
        "{{ _('Monday') }}{% trans day='<b>' %}, 5 % of {{ day }}{% endtrans %}"
    )
    for _round in range(2):
        assert monday.render() == "Monday, 5 % of &lt;b&gt;"
        with translation.override("de"):
            assert monday.render() == "Montag, 5 % of &lt;b&gt;"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_lets_nothing_in_from_elsewhere_and_nothing_inline(name: str) -> None:
    answer = Client().get(reverse(name))
    assert answer.status_code == 200
    policy = answer["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "camera=()" in answer["Permissions-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    page = re.sub('<link rel="canonical"[^>]*>', "", answer.content.decode())  # an address, which is not fetched
    assert not re.search(r'(src|href)="(https?:)?//', page)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_a_language_a_title_one_heading_and_a_way_past_the_masthead(name: str) -> None:
    page = Client().get(reverse(name)).content.decode()
    assert '<html lang="en">' in page
    assert re.search(r"<title>[^<·]+ · Broadsheet</title>", page)
    assert page.count("<h1") == 1
    assert 'href="#main">Skip' in page
    assert '<main id="main"' in page


@pytest.mark.parametrize("name", ["sign_up_sent", "sign_in_sent"])
def test_a_page_that_announces_a_mail_says_where_it_lies_if_it_does_not_leave(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "This installation sends no mail"
    for folder, is_said in (("var/outbox", True), ("", False)):
        monkeypatch.setitem(engines["jinja2"].env.globals, "outbox", folder)
        page = Client().get(reverse(name)).content.decode()
        assert (words in page) is is_said
    assert environment().globals["outbox"].endswith("/outbox")


@pytest.mark.parametrize("path", [path for path in TEMPLATES if path.name != "outbox.html"], ids=lambda path: path.name)
def test_no_template_has_inline_style_or_script(path: Any) -> None:
    text = path.read_text()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script>|javascript:", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_text_of_a_template_is_marked_for_translation(path: Path) -> None:
    text = path.read_text()
    assert list(engines["jinja2"].env.extract_translations(text))
    code = r"{#.*?#}|{% block (here|width) %}.*?%}|{%-?\s*trans\b.*?endtrans\s*-?%}|{%.*?%}|{{.*?}}"
    html = r"<style>.*?</style>|<[^>]*>|&\w+;|[\w-]+=\"[^\"]*\""
    rest = re.sub(html, " ", re.sub(code, "", text, flags=re.DOTALL), flags=re.DOTALL)
    assert set(re.findall(r"[A-Za-z]{2,}", rest)) <= {"Broadsheet", "Website"}  # a name, and a trap for programs


def test_a_page_is_translated() -> None:
    with translation.override("de"):  # these two words are in Django's own catalogues
        assert "<h1>Seite nicht gefunden</h1>" in render_to_string("404.html")


def test_the_admin_lives_under_the_same_policy(admin_client: Client) -> None:
    answer = admin_client.get("/admin/")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer["Content-Security-Policy"]


# Errors --------------------------------------------------------------------------------------------------------------


def test_a_page_that_is_not_there() -> None:
    answer = Client().get("/no/such/page")
    assert answer.status_code == 404
    assert "Page not found" in answer.content.decode()


def test_a_form_of_too_many_fields_is_told_to_be_shorter() -> None:
    answer = Client().post("/subscribe", {f"field{number}": "x" for number in range(1_001)})
    assert answer.status_code == 400
    assert "This request could not be read" in answer.content.decode()


def test_a_form_of_many_megabytes_is_told_to_be_shorter() -> None:
    answer = Client().post(
        "/subscribe", "keywords=" + "x" * 3_000_000, content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 413
    assert "shorten what you entered" in answer.content.decode()


def test_only_public_pages_may_be_listed_by_search_engines(settings: Any) -> None:
    settings.SITE_URL = "https://digest.example.org"
    listed, not_listed = (Client().get(reverse(name)).content.decode() for name in ("home", "sign_in"))
    assert '<link rel="canonical" href="https://digest.example.org/">' in listed
    assert '<meta name="robots" content="noindex">' not in listed
    assert 'rel="canonical"' not in not_listed
    assert '<meta name="robots" content="noindex">' in not_listed


def test_a_page_takes_its_theme_and_view_from_cookies_and_ignores_what_is_not_known() -> None:
    client = Client()
    assert '<html lang="en">' in client.get("/").content.decode()
    client.cookies.load({"theme": "dark", "view": "compact"})
    answer = client.get("/")
    assert '<html lang="en" data-theme="dark" data-view="compact">' in answer.content.decode()
    assert "Cookie" in answer["Vary"]
    assert 'data-view="compact"' not in client.get("/?view=full").content.decode()
    client.cookies.load({"theme": '"><script>', "view": "x"})
    assert '<html lang="en">' in client.get("/?view=%00").content.decode()
    assert 'data-view="compact"' in Client().get("/?view=compact").content.decode()


def test_json_ld_cannot_end_its_element() -> None:
    written = json_ld({"name": "</script><!-- & \u2028"})
    assert written.count("<") == written.count(">") == 2
    inside = str(written).removeprefix('<script type="application/ld+json">').removesuffix("</script>")
    assert json.loads(inside) == {"name": "</script><!-- & \u2028"}


def test_what_breaks_is_said_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subscriptions.web.sign_in.render", None)
    answer = Client(raise_request_exception=False).get("/sign-in")
    assert answer.status_code == 500
    assert "This is our fault" in answer.content.decode()


def test_a_broken_error_page_still_answers(monkeypatch: pytest.MonkeyPatch, rf: Any) -> None:
    monkeypatch.setattr(errors, "render", None)
    answer = errors.broken(rf.get("/"))
    assert answer.status_code == 500
    assert b"Something went wrong" in answer.content


def test_no_page_takes_the_address_of_another() -> None:
    """Both apps' patterns are tried in one order, so the first of two alike would hide the second."""
    patterns = [*web_urls.urlpatterns, *subscription_urls.urlpatterns]
    values = {"token": "t" * 54, "number": "1", "wish": "more", "day": "2026-03-02", "provider": "resend"}
    named = {one.name: set(one.pattern.regex.groupindex) | set(one.pattern.converters) for one in patterns if one.name}
    tried = {name: {key: values[key] for key in keys} for name, keys in named.items() if keys <= set(values)}
    assert len(tried) > 30
    assert {name for name, given in tried.items() if resolve(reverse(name, kwargs=given)).url_name != name} == set()


# Lost spaces ---------------------------------------------------------------------------------------------------------

# Jinja removes the line break behind a tag (trim_blocks), and with it the space between words that stood on two lines.
_SILENT = re.compile(r"\{%.*?%\}|\{#.*?#\}")
_DEFINES = re.compile(r"\s*\{%-? *(?:block|macro|set|extends|from|import|endmacro|endblock)\b")
_INLINE = "a|abbr|b|bdi|code|em|i|q|span|strong|time"
_ENDS_IN_WORDS = re.compile(rf"(?:[\w.,:;!?)”…]|</(?:{_INLINE})>)$")
_BEGINS_WITH_WORDS = re.compile(rf"[\w(“]|<(?:{_INLINE})\b")


def lost_spaces(template: str) -> list[str]:
    """Return the lines that end in words and a tag, and run into the words of the next line."""
    lines = [re.sub(r"\{\{.*?\}\}", "x", line) for line in template.splitlines()]
    found = []
    for line, below in itertools.pairwise(lines):
        is_trimmed = re.search(r"(?<!-)[%#]\}$", line) and not _DEFINES.match(line) and not _DEFINES.match(below)
        shown = _SILENT.sub("", line).replace("<span></span>", "<hr>")
        next_shown = "" if re.match(r"\s*\{%-", below) else _SILENT.sub("", below)
        if is_trimmed and _ENDS_IN_WORDS.search(shown) and _BEGINS_WITH_WORDS.match(next_shown):
            found.append(line)
    return found


@pytest.mark.parametrize("path", JINJA, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_template_loses_the_space_between_two_lines(path: Path) -> None:
    assert lost_spaces(path.read_text()) == []


@pytest.mark.parametrize(
    ("template", "loses"),
    [
        ("<p>{% trans %}In the edition of{% endtrans %}\n<a>1 May</a></p>", True),
        ("{% if x %}{{ one }}{% endif %}\n{% for y in z %}{{ y }}{% endfor %}", True),
        ("<p>{% if x %}Sent.{% endif %} {# why #}\nLater.</p>", False),
        ("<p>{% if x %}Sent.{% endif %}\n Later.</p>", False),
        ("{% if x %}<p>Sent.</p>{% endif %}\n<p>Later.</p>", False),
        ("{% block title %}About{% endblock %}\n{% block here %}home{% endblock %}", False),
        ("<p>{{ one }}\n<a>two</a></p>", False),
    ],
)
def test_a_lost_space_is_recognised(template: str, loses: bool) -> None:
    assert bool(lost_spaces(template)) is loses
