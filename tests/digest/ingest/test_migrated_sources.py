"""Rows of an older version keep their meaning when its database is migrated."""

from __future__ import annotations

import gzip
import json
import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from digest.ingest.sources.advice import advice_for, explain
from tests.support.paths import ROOT
from tests.support.services import Installation, empty_database

pytestmark = pytest.mark.service

DUMP = ROOT / "tests" / "data" / "5de826d"
SAID: dict[str, dict[str, Any]] = json.loads((DUMP / "said.json").read_text(encoding="utf-8"))["sources"]
COLUMNS = ("name", "active", "failures", "last_error_kind", "last_error", "last_reading")
QUERY = f"SELECT {', '.join(COLUMNS)} FROM digest_source"

KINDS = {  # kind -> the sources of the dump that have it, without "Source: "
    "archive": ["empty zip", "gz in gz", "zip"],
    "bad_compression": [
        "broken.gz",
        "cut gzip",
        "damaged gz file",
        "damaged gzip",
        "damaged.gz",
        "packs it in br",
        "two gzips",
    ],
    "bad_redirect": ["redirects in a circle", "redirects nowhere"],
    "binary": ["PDF", "binary"],
    "connection_failed": ["no TLS", "refuses"],
    "empty": ["empty body"],
    "file_unreadable": ["folder.xml", "missing.xml"],
    "forbidden": ["answers 401", "answers 403", "answers 451"],
    "host_busy": ["resting"],
    "host_not_found": ["no address"],
    "invalid_response": ["breaks off", "is not HTTP"],
    "invalid_url": [
        "redirects to ftp",
        "redirects to no address",
        "redirects to port 0",
        "redirects too long",
        "redirects with a log-in",
    ],
    "malformed": [
        "JSON too deep",
        "a name without a space",
        "an element no feed has",
        "nested too deep",
        "not well-formed",
        "own DTD",
        "reader fails",
        "too many attributes",
        "too many categories",
    ],
    "not_found": ["answers 404", "answers 410"],
    "not_stored": ["not stored"],
    "other": ["failed without words"],
    "private_address": ["private network"],
    "rate_limited": ["asks for a pause 429", "asks for a pause 503", "failed, then paused"],
    "server_error": ["Journal of Invented Results", "answers 500", "answers 503"],
    "source_error": ["JSON error", "OAI error", "arXiv API error", "arXiv feed error", "bioRxiv without papers"],
    "timeout": ["never done", "sends nothing", "takes no connection"],
    "too_large": ["300,000 elements", "50,000 entries", "gz file of 33 MiB", "large.xml", "larger than 32 MiB"],
    "truncated": ["JSON that is cut", "cut before the root", "cut in its only entry"],
    "undecodable": ["garbled", "garbled, declared"],
    "unexpected_status": ["answers 204", "answers 304 unasked", "answers 418", "answers 429"],
    "unknown_format": ["JSON without a list", "another XML", "unknown format", "unknown format that speaks of pages"],
    "web_page": ["web page", "web page by type"],
}
# the advice went by quoted words, or is a better one now; the last two are files, which show none
OTHER_ADVICE = {"Source: unknown format that speaks of pages", "Source: 300,000 elements", "missing.xml", "folder.xml"}


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The sources of the old database after migration 0007, by name."""
    var = tmp_path_factory.mktemp("var")
    if request.param == "SQLite":
        (var / "broadsheet.sqlite3").write_bytes(gzip.decompress((DUMP / "deliveries.sqlite3.gz").read_bytes()))
        Installation.at(var).run("manage.py", "migrate", "digest", "0007", "-v0")
        with sqlite3.connect(var / "broadsheet.sqlite3") as connection:
            yield _by_name(connection.execute(QUERY).fetchall())
        return
    with empty_database(request.getfixturevalue("postgres_url"), bare=True) as url:
        with psycopg.connect(url) as connection:
            connection.execute(gzip.decompress((DUMP / "deliveries.pg.sql.gz").read_bytes()))
        Installation.at(var, DATABASE_URL=url).run("manage.py", "migrate", "digest", "0007", "-v0")
        with psycopg.connect(url) as connection:
            yield _by_name(connection.execute(QUERY).fetchall())


def _by_name(rows: list[tuple[Any, ...]]) -> dict[str, Any]:
    found = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    for row in found:
        if isinstance(row["last_reading"], str):
            row["last_reading"] = json.loads(row["last_reading"])
    return {row["name"]: row for row in found}


def test_each_source_gets_the_kind_of_its_sentence(migrated: dict[str, Any]) -> None:
    kinds: dict[str, list[str]] = {}
    for name, row in sorted(migrated.items()):
        if row["last_error_kind"]:
            kinds.setdefault(row["last_error_kind"], []).append(name.removeprefix("Source: "))
    assert {kind: sorted(names) for kind, names in kinds.items()} == KINDS


def test_a_source_failed_or_waits_as_before(migrated: dict[str, Any]) -> None:
    assert set(migrated) == set(SAID)
    for name, row in migrated.items():
        assert row["failures"] == SAID[name]["failures"]
        if row["failures"]:
            assert row["last_error_kind"], name
        if SAID[name]["state"] == "well":
            assert (row["last_error_kind"], row["last_error"]) == ("", ""), name


def test_the_advice_is_the_same_but_where_quoted_words_decided_it(migrated: dict[str, Any]) -> None:
    differs = {
        name
        for name, row in migrated.items()
        if advice_for(row["last_reading"].get("error_kind", "")) != SAID[name]["advice_after_reading"]
        or (SAID[name]["state"] == "failing" and advice_for(row["last_error_kind"]) != SAID[name]["advice"])
    }
    assert differs == OTHER_ADVICE


def test_hosts_numbers_and_quoted_words_are_told_as_before(migrated: dict[str, Any]) -> None:
    for name, row in migrated.items():
        before, now = SAID[name]["why"], explain(row["last_error_kind"], detail=row["last_error"])
        if not now or SAID[name]["state"] == "off":
            continue
        facts = re.findall(r"[\w.-]+\.example|\d[\d,.]*\d|“.*”|(?<=: )(?!unpack it|its turn)[^:]+$", before)
        assert [fact for fact in facts if fact.rstrip(".") not in now] == [], (before, now)


def test_the_last_reading_has_the_kind_of_the_row(migrated: dict[str, Any]) -> None:
    for name, row in migrated.items():
        last = row["last_reading"]
        assert not last or ("error_kind" in last and bool(last["error_kind"]) >= bool(last["error"])), name
        if row["failures"] and last.get("error") and name != "Source: failed, then paused":
            assert (last["error_kind"], last["error"]) == (row["last_error_kind"], row["last_error"]), name
