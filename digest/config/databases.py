"""The settings of a database: a SQLite file, or PostgreSQL at an address."""

from __future__ import annotations

from pathlib import Path

import environ

from digest.config.environment import wrong


def sqlite(file: Path) -> dict[str, object]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": file,
        "OPTIONS": {
            "timeout": 20,
            # otherwise two writers fail at once with "database is locked"
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;",
        },
    }


def postgresql(url: str) -> dict[str, object]:
    right = "like postgres://user:password@localhost:5432/broadsheet"
    try:
        given = environ.Env.db_url_config(url) if url.startswith(("postgres://", "postgresql://")) else {}
    except ValueError:  # a wrong port
        given = {}
    if not given.get("NAME"):
        raise wrong("DATABASE_URL", "…", right)  # the value may have a password
    options = {"connect_timeout": 10, **given.get("OPTIONS", {})}
    return {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True, **given, "OPTIONS": options}
