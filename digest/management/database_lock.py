"""Hold the database of this mode for one long-running command."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management.base import CommandError


@contextmanager
def alone_on_this_database(otherwise: str = "") -> Iterator[None]:
    """Hold a lock that the system releases with this process, also when it is killed.

    Raises CommandError where another holds it, with what can be done ``otherwise`` than to stop that one.
    """
    path = settings.VAR / f"serve-{settings.MODE}.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            other = file.read().strip() or "?"
            raise CommandError(
                f"Another ./run serve runs on this database already (process {other}). Stop that one first{otherwise}.",
                returncode=2,
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
