"""The texts for translators are found in Jinja templates too."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings

from digest import compose
from digest.management.commands.makemessages import JINJA, calls_in

TEMPLATES = [path for folder in JINJA for path in sorted(folder.glob("*.*"))]
COMPOSE = sorted(Path(compose.__file__).parent.glob("*.py"))
WORDS = re.compile(r"[A-Za-z]{3}")


def test_texts_stand_on_their_lines_with_their_placeholders() -> None:
    template = (
        '<h1>{{ _("It\'s here") }}</h1>\n\n{% trans day=now %}Papers of\n {{ day }}{% endtrans %} {{ gettext("More") }}\n'
        "{% trans count=n %}{{ count }} paper{% pluralize %}{{ count }} papers{% endtrans %}"
    )
    assert calls_in(template).splitlines() == [
        '_("It\'s here")',
        "",
        "gettext('Papers of %(day)s')",
        "gettext('More')",
        "ngettext('%(count)s paper', '%(count)s papers')",
    ]


def without_marks(template: str) -> str:
    """What a mail's template says by itself: without comments, expressions, statements, elements and entities."""
    template = re.sub(r"\{#.*?#\}|<!--.*?-->|<style>.*?</style>|<!doctype html>", "", template, flags=re.S)
    template = re.sub(r"\{% trans .*?%\}.*?\{% endtrans %\}", "", template, flags=re.S)
    return re.sub(r"<[^>]*>|&\w+;|\w+=\"", "", re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", template, flags=re.S))


@pytest.mark.parametrize(
    "path", sorted((settings.BASE_DIR / "templates/email").glob("*.*")), ids=lambda path: path.name
)
def test_no_word_of_a_mails_template_stands_outside_a_mark(path: Path) -> None:
    if path.name != "theme.html":  # styles
        assert WORDS.findall(without_marks(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("path", "texts"),
    [
        ("templates/email/confirm.txt", ["Confirm your subscription", "Confirm my subscription"]),
        ("templates/email/parts.html", ["Unsubscribe from these e-mails", "Also trending", "Web copy"]),
        ("templates/email/paper.html", ["More like this", "Less", "Mute", "Details"]),
        ("templates/email/digest.txt", ["Picked by the editors", "%(count)s more on the web"]),
    ],
)
def test_the_words_of_mails_are_found(path: str, texts: list[str]) -> None:
    found = calls_in((settings.BASE_DIR / path).read_text("utf-8"))
    assert [text for text in texts if repr(text) not in found] == []


def marked_in(path: Path) -> list[str]:
    """The texts that xgettext finds in a module: the literal arguments of its marks."""
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    marks = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in ("_", "ngettext")]
    arguments = [part for call in marks for part in call.args[: 2 if call.func.id == "ngettext" else 1]]
    assert [ast.unparse(part) for part in arguments if not isinstance(part, ast.Constant)] == []
    return [part.value for part in arguments if isinstance(part, ast.Constant)]


def test_the_sentences_of_mails_are_found() -> None:
    found = {text for path in COMPOSE for text in marked_in(path)}
    assert found >= {
        "%(arrived)s new paper came in",
        "%(arrived)s new papers came in",
        "You asked for %(wishes)s.",
        "This is your first digest.",
        "Similar to papers that you like",
        "All sources delivered.",
        "%(count)s upvotes",
        "Left out: %(count)s papers deleted here since this digest was put together.",
    }


@pytest.mark.parametrize("folder", ["web", "email"])
def test_readers_find_one_name_for_each_thing(folder: str) -> None:
    other_names = re.compile(r"curator|(your|the) library\b|own (list|papers)|papers (that )?you know", re.I)
    for path in sorted((settings.BASE_DIR / "templates" / folder).glob("*.*")):
        assert other_names.findall(calls_in(path.read_text("utf-8")).replace("The library you named", "")) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_what_is_found_in_every_template_is_python(path: Path) -> None:
    calls = ast.parse(calls_in(path.read_text("utf-8")))
    assert all(isinstance(line, ast.Expr) and isinstance(line.value, ast.Call) for line in calls.body)
