"""The ground that contenders meet on: an installation of their own, one core, and a look at their mails first."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.contenders import a_core
from tests.benchmarks.driver import CORE
from tests.support.paths import ROOT
from tests.support.processes import SET_UP
from tests.support.services import Installation, empty_database, postgres, postgres_binaries
from tests.support.smtp_sink import Sink, sink

SENDER = {
    "SITE_URL": "https://digest.example.org",
    "DEFAULT_FROM_EMAIL": "Broadsheet <digest@mail.example.org>",
    "CONTACT": "dashboard@example.org",
    "POSTAL_ADDRESS": "1 Reading Lane, Dublin",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured; ``slow`` is what is enough of a contender that takes long.

    As it is, a run takes some minutes; more readers and rounds changed no ratio.
    """

    papers: int = 1000
    looked_at: int = 1000  # mails of ours
    others_looked_at: int = 200  # of each other contender
    digests: int = 400  # made in a round of composing
    slow_digests: int = 60
    repeats: int = 5  # of composing
    readers: int = 4000
    slow_readers: int = 300
    sendings: int = 5
    growth: int = 4  # times as many readers


QUICK = Size(
    papers=200,
    looked_at=40,
    others_looked_at=20,
    digests=16,
    slow_digests=8,
    repeats=1,
    readers=30,
    slow_readers=10,
    sendings=1,
    growth=2,
)


class NotRight(Exception):
    """A mail is wrong or missing, so no figure counts."""


@contextmanager
def installation(
    *, in_postgres: bool = False, python: str = sys.executable, root: Path = ROOT, **settings: str
) -> Iterator[Installation]:
    """An installation with its tables, by default of this tree."""
    is_ours = root == ROOT
    with (
        tempfile.TemporaryDirectory(prefix="broadsheet-") as folder,
        _database(in_postgres, bare=not is_ours) as database_url,
    ):
        made = Installation.at(
            Path(folder), python, root, **{CORE: str(a_core()), "DATABASE_URL": database_url}, **SENDER, **settings
        )
        if is_ours:
            made.prepare()
        else:
            made.run("manage.py", "migrate", "-v0")
        yield made


@contextmanager
def _database(in_postgres: bool, *, bare: bool) -> Iterator[str]:
    if not in_postgres:
        yield ""
        return
    with postgres(postgres_binaries()) as server, empty_database(server, bare=bare) as url:
        yield url


def fill(place: Installation, script: str, *, module: str = "tests.benchmarks.day") -> str:
    """Run a script about ``day``, by default the invented one, in the installation; what it printed."""
    return place.run("-c", f"{SET_UP}import {module} as day\n{script}")


@contextmanager
def mail_server(*arguments: str, keep: Path | None = None, module: str = "tests.support.smtp_sink") -> Iterator[Sink]:
    """A sink on the core of the contenders."""
    with sink(*arguments, keep=keep, module=module) as one:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(one.process.pid, {a_core()})
        yield one


def check(place: Installation, folder: Path, limit: int, *, by: str = "check") -> None:
    """Raises NotRight unless that many mails in the folder are right, ``by`` a question of ``correct``."""
    question = f"correct.questions()[{by!r}](folder={str(folder)!r}, limit={limit})"
    found = json.loads(
        place.run("-c", f"{SET_UP}import json\nfrom tests.benchmarks import correct\nprint(json.dumps({question}))")
    )
    if found["wrong"]:
        raise NotRight(found["wrong"])
