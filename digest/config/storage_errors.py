"""Tell a full disk and a database that is away from faults of our own, by the errors that they cause."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from django.db import Error, InterfaceError, OperationalError

# SQLite says the first, PostgreSQL (SQLSTATE 53100) the second, the system itself the third.
FULL = ("database or disk is full", "could not extend file", "no space left on device")
DISK_FULL = "The disk is full. Free some space and run it again; what was stored stays."
READ_ONLY = "The database cannot be written to ({}). Check the owner and the rights of its file and folder."
AWAY = "The database does not answer ({}). Check that it runs and that DATABASE_URL is right."
BROKEN = (
    "The file of the database cannot be read or written ({}). If the disk is full, free some space and run it again; "
    "else check the disk, and restore a backup if need be (docs/operators.md)."
)
# What SQLite says of a disk that is full where it cannot extend the index of its log, and of files that were damaged
BROKEN_FILE = ("disk i/o error", "disk image is malformed", "file is not a database")
BUSY = "Another process has been writing to the database for too long ({}). Run it again when that one is done."


def explain_storage_error(error: BaseException) -> str | None:
    """Return what is wrong and what to do, if the disk or the database is the cause of this error; else None."""
    for cause in _causes(error):
        said = str(cause).strip().splitlines()[:1] or [type(cause).__name__]
        words = said[0].lower()
        is_of_database = isinstance(cause, Error)
        if getattr(cause, "errno", None) == errno.ENOSPC or (is_of_database and any(sign in words for sign in FULL)):
            return DISK_FULL
        if is_of_database and ("readonly database" in words or "read-only transaction" in words):
            return READ_ONLY.format(said[0])
        if is_of_database and any(sign in words for sign in BROKEN_FILE):
            return BROKEN.format(said[0])
        if is_of_database and "database is locked" in words:
            return BUSY.format(said[0])
        if _is_away(cause, words):
            return AWAY.format(_without_secrets(said[0]))
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it was raised from."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__


def _is_away(cause: BaseException, words: str) -> bool:
    if not isinstance(cause, OperationalError | InterfaceError):
        return False
    # PostgreSQL's client library says these about a connection; other operational errors are faults of ours
    signs = ("connection", "server closed", "could not connect", "unable to open database", "terminating", "not accept")
    return any(sign in words for sign in signs)


def _without_secrets(said: str) -> str:
    """Return the message without what stands before an @, which may be a name and a password."""
    return " ".join(word.rpartition("@")[2] for word in said.split())
