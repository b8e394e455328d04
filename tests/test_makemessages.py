"""The texts for translators are found in Jinja templates too."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from digest.management.commands.makemessages import JINJA, calls_in

TEMPLATES = [path for folder in JINJA for path in sorted(folder.glob("*.html"))]


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


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_what_is_found_in_every_template_is_python(path: Path) -> None:
    calls = ast.parse(calls_in(path.read_text("utf-8")))
    assert all(isinstance(line, ast.Expr) and isinstance(line.value, ast.Call) for line in calls.body)
