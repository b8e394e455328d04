"""The service as an operator starts it, on a free port, with every process of it found again and ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.support.services import ROOT, Installation, free_port

T = TypeVar("T")

# With a source that is switched off, a start lays down no default ones: no test may ask the world.
SWITCHED_OFF = """
import django; django.setup()
from digest.models import Source
Source.objects.get_or_create(url="file:none", defaults={"name": "None", "active": False})
"""
PATIENCE = 180.0  # seconds for anything to happen; a good run needs a fraction


@dataclass(frozen=True, slots=True)
class Served:
    process: subprocess.Popen[str]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def tree(self) -> list[int]:
        """Its process and all that descend from it, and what is left of them once it is gone."""
        sessions = {self.process.pid, *(int(pid) for pid in children_of(self.process.pid))}
        return [pid for pid in _all_processes() if session_of(pid) in sessions]


def _all_processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _stat(pid: int) -> list[str]:
    """State, parent, group, session of a process; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def session_of(pid: int) -> int:
    stat = _stat(pid)
    return int(stat[3]) if stat and stat[0] != "Z" else 0


def children_of(parent: int) -> list[int]:
    return [pid for pid in _all_processes() if _stat(pid)[1:2] == [str(parent)]]


@contextmanager
def served(installation: Installation, *, port: int = 0, has_sources: bool = False) -> Iterator[Served]:
    """``./run serve``, less what prepares the machine; killed with all its children when a test goes wrong.

    With ``has_sources`` the installation has some already, all switched off.
    """
    installation.prepare()
    if not has_sources:
        installation.run("-c", SWITCHED_OFF)
    port, log = port or free_port(), installation.var / "serve.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", str(port)],
            cwd=ROOT,
            env=installation.environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    one = Served(process, port, log)
    try:
        yield one
    finally:
        for pid in one.tree():
            os.kill(pid, signal.SIGKILL)
        process.wait()


@contextmanager
def web_alone(installation: Installation, *, port: int) -> Iterator[Served]:
    """The pages of an installation that is set up already, without its worker: nothing happens but what is asked for."""
    command = ["digest.config.web_server", "--bind", f"127.0.0.1:{port}"]
    with _alone(installation, "web", command, port) as one:
        yield one


@contextmanager
def worker_alone(installation: Installation) -> Iterator[Served]:
    """A worker without a timetable: nothing happens but what somebody wakes it for."""
    command = ["celery", "-q", "-A", "digest.config.celery", "worker", "-l", "warning", "-P", "threads", "-c", "2"]
    with _alone(installation, "worker", command, 0) as one:
        yield one


@contextmanager
def _alone(installation: Installation, name: str, command: list[str], port: int) -> Iterator[Served]:
    log = installation.var / f"{name}.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=installation.environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    one = Served(process, port, log)
    try:
        wait_for(lambda: "ready" in log.read_text(), one)
        yield one
    finally:
        for pid in one.tree():
            os.kill(pid, signal.SIGKILL)
        process.wait()


def wait_for(what: Callable[[], T], one: Served) -> T:
    """What ``what`` gives as soon as it gives anything; fails when the service ends before that, or after ``PATIENCE``."""
    deadline = time.monotonic() + PATIENCE
    while not (found := what()):
        assert one.process.poll() is None, one.log.read_text()
        assert time.monotonic() < deadline, one.log.read_text()
        time.sleep(0.1)
    return found
