"""Private PostgreSQL and Redis on free ports, for tests that need the real thing; nothing of them is left over."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

import psycopg
import pytest
import redis

from tests.support import forks
from tests.support.kept import kept
from tests.support.paths import ROOT

# Today's edition, open, so that the service by itself opens no other.
AN_EDITION = """
import django; django.setup()
from datetime import UTC, datetime
from digest.editions import open_edition
from digest.ingest import store
from digest.models import Source
from tests.support.factories import entry, feed
now = datetime.now(UTC)
shown = feed(entry(1, announced_on=now.date()), entry(2, announced_on=now.date()))
store.store(store.source_named_in(shown, "file.xml"), shown, now=now)
open_edition.open_edition(now.date(), now=now)
Source.objects.update(active=False)  # nothing may leave this machine
"""
# A reader whose hour is now; it is about noon where she lives, so midnight is far.
A_READER = """
import django; django.setup()
from datetime import UTC, datetime
from tests.support.factories import reader
now = datetime.now(UTC)
ahead = 12 - now.hour
reader("ada", wants={"category": ["cs.LG"]}, zone=f"Etc/GMT{-ahead:+}" if ahead else "UTC", next_send_at=now)
"""


def missing(what: str) -> NoReturn:
    """Skip for want of a program; fail where REQUIRE_SERVICES=1 says that all of them are there."""
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(what)
    pytest.skip(what)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """An empty database on a server of its own, or TEST_DATABASE_URL."""
    with ExitStack() as stack:
        if url := os.environ.get("TEST_DATABASE_URL", ""):
            stack.enter_context(_template_on(url))
        yield url or stack.enter_context(postgres(postgres_binaries()))


@dataclass(frozen=True, slots=True)
class Installation:
    """The folder and the environment of one installation, the interpreter that runs it and the tree that it runs."""

    var: Path
    environment: dict[str, str]
    python: str = sys.executable
    root: Path = ROOT

    @classmethod
    def at(cls, var: Path, python: str = sys.executable, root: Path = ROOT, **settings: str) -> Installation:
        """Bare but for these settings: nothing of the developer's environment or .env."""
        environment = {
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "digest.config.settings",
            "PYTHONPATH": str(root),
            "BROADSHEET_VAR": str(var),
            "BROADSHEET_MODE": "live",
            "DATABASE_URL": "",
            "REDIS_URL": "",
            "MAIL_PROVIDER": "outbox",
            "TICK_SECONDS": "2",
        }
        return cls(var, environment | settings, python, root)

    def run(self, *arguments: str, afresh: bool = False) -> str:
        """Return what Python prints that is given these arguments; a script (-c) finds Django set up already.

        With ``afresh`` nothing is loaded before: for tests of what a start loads.
        """
        if (self.python, self.root, afresh) == (sys.executable, ROOT, False):
            done = forks.run(*arguments, environment=self.environment, is_set_up=arguments[0] == "-c")
        else:
            command = [self.python, *arguments]
            done = subprocess.run(
                command, cwd=self.root, env=self.environment, capture_output=True, text=True, check=False
            )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def prepare(self) -> None:
        """Give it all tables and the static files, once, as ``./run`` does; a PostgreSQL has its tables already."""
        if (self.var / "static" / "staticfiles.json").exists():
            return
        # Copied, because to migrate takes seconds, and a second process for each installation.
        first = prepared()
        shutil.copytree(first / "static", self.var / "static", dirs_exist_ok=True)
        if not self.environment["DATABASE_URL"]:
            name = {"live": "broadsheet"}.get(mode := self.environment["BROADSHEET_MODE"], mode)
            shutil.copy(first / "broadsheet.sqlite3", self.var / f"{name}.sqlite3")

    def mails(self) -> list[Path]:
        return sorted((self.var / "outbox").glob("*.eml"))


def prepared() -> Path:
    """The folder of a bare installation with all tables, in SQLite, and the static files: to be copied from."""
    return kept("installation", lambda room: Installation.at(room).run("manage.py", "prepare"))


TEMPLATE = "broadsheet_template"  # on a server of our own
_templates: dict[str, str] = {}  # server -> the database on it that others are copies of


@contextmanager
def _template_on(server_url: str) -> Iterator[None]:
    with empty_database(server_url) as url:
        _make_tables(url)
        _templates[server_url] = url.rpartition("/")[2]
        yield
        del _templates[server_url]


def _make_tables(url: str) -> None:
    with tempfile.TemporaryDirectory(prefix="broadsheet-") as var:
        Installation.at(Path(var), DATABASE_URL=url).run("manage.py", "migrate", "-v0")


@pytest.fixture(params=["SQLite", "PostgreSQL and Redis"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    if request.param == "SQLite":
        yield Installation.at(tmp_path)
        return
    with postgres_and_redis(request.getfixturevalue("postgres_url")) as settings:
        yield Installation.at(tmp_path, **settings)


@contextmanager
def postgres_and_redis(server_url: str) -> Iterator[dict[str, str]]:
    """Settings of one installation: an empty database on that server, and a Redis that no other one's worker reads."""
    with empty_database(server_url) as database_url, redis_server(free_port()) as redis_url:
        yield {"DATABASE_URL": database_url, "REDIS_URL": redis_url}


@contextmanager
def empty_database(server_url: str, *, bare: bool = False) -> Iterator[str]:
    """Make a database on that server for one test, and drop it afterwards, even with clients still connected.

    It has all tables if the server is of ``postgres_url`` or ``postgres``, unless it is to be ``bare``.
    """
    name = f"broadsheet_{secrets.token_hex(4)}"
    template = "template1" if bare else _templates.get(server_url, "template1")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield f"{server_url.rpartition('/')[0]}/{name}"
    finally:
        # the server may have crashed meanwhile, for a test
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def postgres_binaries() -> Path:
    """The folder of the newest PostgreSQL that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        missing("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    return found[-1].parent


@contextmanager
def postgres(binaries: Path, *, keeps_commits: bool = False) -> Iterator[str]:
    """A server of its own, quick and careless; with ``keeps_commits`` none is lost when one of its processes is killed."""
    made = kept(f"postgresql-{binaries.parent.name}", lambda room: _make_cluster(binaries, room))
    with _folder() as folder:
        # By cp, which keeps the owner too.
        subprocess.run(["cp", "-a", made / "data", folder], check=True)
        with _server(binaries, folder, keeps_commits=keeps_commits) as server:
            _templates[url := f"{server}/digest"] = TEMPLATE
            yield url
            del _templates[url]


def _make_cluster(binaries: Path, room: Path) -> None:
    """Lay out a server's files, with an empty database and one that has all tables."""
    with _folder() as folder:
        initdb = [binaries / "initdb", "-D", f"{folder}/data", "-U", "digest", "-A", "trust", "-E", "UTF8"]
        with (folder / "initdb.log").open("w") as log:
            made = _start([*initdb, "--locale=C.UTF-8", "--no-sync"], folder, log).wait()
        assert made == 0, (folder / "initdb.log").read_text()
        with _server(binaries, folder) as server:
            with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
                connection.execute("CREATE DATABASE digest")
                connection.execute(f"CREATE DATABASE {TEMPLATE}")
            _make_tables(f"{server}/{TEMPLATE}")
        subprocess.run(["cp", "-a", folder / "data", room], check=True)


@contextmanager
def _server(binaries: Path, folder: Path, *, keeps_commits: bool = False) -> Iterator[str]:
    port = free_port()
    command = [binaries / "postgres", "-D", f"{folder}/data", "-p", port, "-k", folder]
    commit = f"synchronous_commit={'on' if keeps_commits else 'off'}"
    for setting in ("listen_addresses=127.0.0.1", "fsync=off", commit, "full_page_writes=off"):
        command += ["-c", setting]
    server = f"postgres://digest@127.0.0.1:{port}"
    with _running(command, folder, stop=signal.SIGINT, is_up=lambda: psycopg.connect(f"{server}/postgres").close()):
        yield server


@contextmanager
def redis_server(port: int) -> Iterator[str]:
    if not (program := shutil.which("redis-server")):
        missing("Redis is not installed (Debian: apt-get install redis-server)")
    url = f"redis://127.0.0.1:{port}/0"
    with _folder() as folder:
        command = [program, "--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", ""]
        with _running(command, folder, stop=signal.SIGTERM, is_up=lambda: redis.Redis.from_url(url).ping()):
            yield url


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="broadsheet-"))
    try:
        if os.getuid() == 0:
            shutil.chown(folder, "nobody")
        yield folder
    finally:
        shutil.rmtree(folder)


def _start(command: Sequence[object], folder: Path, log: IO[str]) -> subprocess.Popen[bytes]:
    """Root starts servers as nobody: PostgreSQL refuses to run as root."""
    plain: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
    words = [str(word) for word in command]
    return subprocess.Popen(words, cwd=folder, stdout=log, stderr=log, start_new_session=True, **plain)


@contextmanager
def _running(command: Sequence[object], folder: Path, *, stop: int, is_up: Callable[[], object]) -> Iterator[None]:
    with (folder / "log").open("w") as log:
        server = _start(command, folder, log)
    try:
        while True:
            try:
                is_up()
                break
            except (psycopg.OperationalError, redis.ConnectionError):
                assert server.poll() is None, (folder / "log").read_text()
                time.sleep(0.05)
        yield
    finally:
        server.send_signal(stop)
        server.wait()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """For 127.0.0.1, signed by itself, and its key."""
    if not (openssl := shutil.which("openssl")):
        missing("no openssl to make a certificate with (Debian: apt-get install openssl)")
    paths = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=mx", "-addext", "subjectAltName=IP:127.0.0.1", "-out", paths[0], "-keyout", paths[1]]
    subprocess.run(command, check=True, capture_output=True)
    return paths
