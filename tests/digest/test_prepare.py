"""Tables are brought up to date and static files collected when something changed, and left alone otherwise."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from digest.management.commands.prepare import collect_changed, fingerprint, migrate_changed


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


@pytest.mark.django_db
def test_a_database_is_migrated_again_only_when_it_is_another_one_or_has_other_migrations(
    settings: Any, tmp_path: Path
) -> None:
    settings.VAR = tmp_path

    def migrates() -> bool:
        Group.objects.all().delete()  # each migration ends with making them
        migrate_changed()
        return Group.objects.exists()

    assert migrates()
    assert not migrates()
    MigrationRecorder(connection).record_applied("digest", "9999_of_a_newer_version")
    assert migrates()
    assert not migrates()
    settings.MODE = "rehearsal"
    assert migrates()
    (tmp_path / "migrated-rehearsal").write_bytes(b"\xff\xfe\x80")
    assert migrates()
    assert not migrates()


def test_a_file_that_comes_goes_or_changes_is_noticed(tmp_path: Path) -> None:
    file, other = tmp_path / "0001_initial.py", tmp_path / "0002_more.py"
    file.write_text("one")
    before = fingerprint([str(file)])
    assert fingerprint([str(file)]) == before
    file.write_text("longer")
    longer = fingerprint([str(file)])
    os.utime(file, (0, 0))
    other.touch()
    assert len({before, longer, fingerprint([str(file)]), fingerprint([str(file), str(other)])}) == 4
