"""Fixtures that every test may ask for. Pure tests ask for none of the database's."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from digest.config.garbage import leave_out_loaded
from tests.support.recorded_data import recorded_data
from tests.support.services import certificate, installation, postgres_url, prepared  # noqa: F401 (fixtures)
from tests.support.tiers import (  # noqa: F401 (hooks)
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_runtest_protocol,
)


def pytest_collection_finish(session: pytest.Session) -> None:
    # as a worker does, and not among all that was loaded to find the tests
    leave_out_loaded(50_000, 20, 50)
    # before the first test, because none of a quick run may start a process
    if any(item.get_closest_marker("django_db") for item in session.items):
        prepared()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> Iterator[None]:
    """Fill SQLite's test database before pytest-django migrates it: with nothing left to do, four seconds a process."""
    if connection.vendor != "sqlite":
        yield
        return
    # open until the end of the session, and with it the database, which is in memory
    with closing(sqlite3.connect(connection.creation._get_test_db_name(), uri=True)) as tables:
        with closing(sqlite3.connect(prepared() / "broadsheet.sqlite3")) as source:
            source.backup(tables)
        yield


@pytest.fixture(scope="session")
def data() -> Path:
    folder = recorded_data()
    if not folder.is_dir():
        pytest.skip(f"recorded data not found at {folder}: set BROADSHEET_DATA to their folder")
    return folder


@pytest.fixture(autouse=True)
def _static_files_as_they_lie(settings: Any) -> None:
    """Pages are tested without collectstatic: their stylesheet's name needs no fingerprint here."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture(autouse=True)
def _passwords_that_cost_nothing(settings: Any) -> None:
    """A password is made slow to guess; tests have nothing to hide, and make many."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _journals_of_this_process(settings: Any) -> None:
    """Two processes of tests would read each other's."""
    settings.JOURNALS = settings.VAR / "journals" / str(os.getpid())


@pytest.fixture(autouse=True)
def _no_papers_kept_from_another_test() -> None:
    """Previews keep the week's papers in the process, deliveries the mails' cards, and search the counts of terms."""
    if visitor := sys.modules.get("digest.preview.visitor"):
        visitor.forget()
    if emails := sys.modules.get("digest.compose.emails"):
        emails.AT_HAND.forget()
    if vocabulary := sys.modules.get("digest.search.vocabulary"):
        vocabulary.forget_counts()
    if retag := sys.modules.get("digest.ingest.papers.retag"):
        retag.forget()
