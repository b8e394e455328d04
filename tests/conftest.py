"""Fixtures that every test may ask for. Pure tests ask for none of the database's."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from digest.config.garbage import leave_out_loaded
from tests.support.recorded_data import recorded_data
from tests.support.services import certificate, installation, postgres_url  # noqa: F401 (fixtures)
from tests.support.tiers import (  # noqa: F401 (hooks)
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_runtest_protocol,
)


def pytest_collection_finish() -> None:
    """Look for garbage as the service does, and not among all that was loaded to find the tests."""
    leave_out_loaded()


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
    if retag := sys.modules.get("digest.ingest.retag"):
        retag.forget()
