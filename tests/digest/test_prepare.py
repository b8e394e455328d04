"""Static files are collected when one came, went or changed, and left alone otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from digest.management.commands.prepare import collect_changed


@pytest.fixture
def source(settings: Any, tmp_path: Path) -> Path:
    """A folder with one static file, and settings that know no other."""
    (tmp_path / "static").mkdir()
    (tmp_path / "collected").mkdir()
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
    }
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATICFILES_DIRS = [tmp_path / "static"]
    settings.STATIC_ROOT = tmp_path / "collected"
    file = tmp_path / "static" / "page.js"
    file.write_text("one")
    return file


def served(settings: Any) -> dict[str, str]:
    """Name -> content of what visitors get."""
    paths = json.loads((settings.STATIC_ROOT / "staticfiles.json").read_text())["paths"]
    return {name: (settings.STATIC_ROOT / path).read_text() for name, path in paths.items()}


def test_a_changed_file_and_a_new_one_are_collected(source: Path, settings: Any) -> None:
    collect_changed()
    assert served(settings) == {"page.js": "one"}
    source.write_text("another")
    source.with_name("more.js").write_text("more")
    collect_changed()
    assert served(settings) == {"page.js": "another", "more.js": "more"}


def test_nothing_is_written_where_nothing_changed(source: Path, settings: Any) -> None:
    collect_changed()
    manifest = settings.STATIC_ROOT / "staticfiles.json"
    manifest.write_text("{}")
    collect_changed()
    assert manifest.read_text() == "{}"
    # what was collected is gone, and with it the note of what it was made of
    for file in settings.STATIC_ROOT.iterdir():
        file.unlink()
    collect_changed()
    assert served(settings) == {"page.js": "one"}
