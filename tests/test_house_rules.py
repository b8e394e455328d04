"""Rules that the tests themselves keep."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.paths import ROOT

# Looked for in the text and not in the syntax tree, because scripts that tests run as processes stand in strings.
IMPORT_OF_A_TEST = re.compile(
    r"\b(?:from|import) +(?:tests\b|\.)[\w.]*(?: +import +(?:\([\w,\s]*?|[\w, ]*?))?\b(?:test_\w+|conftest)\b"
)

# A tool that is told to be silent: its reason stands behind it, or in a comment right above.
SILENCED = re.compile(r"#\s*(?:noqa|type: ignore)\b[^(]*(?P<reason>\(.+)?")


def unexplained(text: str) -> list[str]:
    """Return the lines of a module that silence a tool and do not say why."""
    lines = text.splitlines()
    found = []
    for above, line in zip(["", *lines], lines, strict=False):
        silenced = SILENCED.search(line)
        if silenced and not silenced["reason"] and not re.match(r"\s*# ", above):
            found.append(line.strip())
    return found


def test_whatever_silences_a_tool_says_why() -> None:
    paths = [path for app in ("digest", "subscriptions", "tests") for path in (ROOT / app).rglob("*.py")]
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in paths if path != Path(__file__)}
    assert {path: found for path, text in texts.items() if (found := unexplained(text))} == {}


@pytest.mark.parametrize(
    ("text", "is_explained"),
    [
        ("x = 1  # noqa: S101", False),
        ("x = 1  # type: ignore[misc]", False),
        ("\nx = 1  # type: ignore", False),
        ("x = 1  # noqa: S101 (for the type checker)", True),
        ("# why it is so\nx = 1  # type: ignore[misc]", True),
        ("x = 1", True),
    ],
)
def test_a_missing_reason_is_recognised(text: str, is_explained: bool) -> None:
    assert bool(unexplained(text)) is not is_explained


def test_helpers_live_in_support_and_no_module_imports_a_test_module_or_a_conftest() -> None:
    texts = {path.relative_to(ROOT): path.read_text() for path in (ROOT / "tests").rglob("*.py")}
    assert {str(path): found for path, text in texts.items() if (found := IMPORT_OF_A_TEST.findall(text))} == {}


def test_each_test_file_that_the_documents_name_is_there() -> None:
    texts = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    named = set(re.findall(r"`((?:[a-z_]+/)*test_[a-z_]+)`", texts))
    assert len(named) > 30
    assert {name for name in named if not (ROOT / "tests" / f"{name}.py").exists()} == set()


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("{} tests.conftest import ROOT", True),
        ("{} tests.mails.test_lint import FALL_BACKS", True),
        ("{} tests.mails import Mail, test_lint", True),
        ("{} tests.mails import (\n    Mail,\n    test_lint,\n)", True),
        ("{} .test_lint import FALL_BACKS", True),
        ("{} tests.support.paths import ROOT\n\n\ndef test_that_it_holds() -> None: ...", False),
        ("{} django.test import Client", False),
    ],
)
def test_such_an_import_is_recognised(line: str, is_one: bool) -> None:
    assert bool(IMPORT_OF_A_TEST.search(line.format("from"))) == is_one
