"""Run Python programs as children: relay what they print, start again what dies, end all of them in the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from digest.management import end_with_parent

GRACE = 15.0  # seconds to finish, then the tree is killed
SHORT_LIFE = 20.0  # seconds; a child that dies younger has probably a wrong setting
MOST_SHORT_LIVES = 3  # in a row


class StartsInVain(Exception):
    """A child died soon after its start several times in a row. ``args`` are its name and its exit code."""


@dataclass
class Child:
    """A program that is started again when it dies."""

    name: str
    arguments: Sequence[str]
    process: subprocess.Popen[str]
    started_at: float  # seconds of the monotonic clock
    short_lives: int = 0


@contextmanager
def running(programs: Mapping[str, Sequence[str]]) -> Iterator[list[Child]]:
    """Start the programs (name -> arguments to Python), each in its own session, and end all of them afterwards."""
    children: list[Child] = []
    try:
        for name, arguments in programs.items():
            children.append(Child(name, arguments, _start(name, arguments), time.monotonic()))
        yield children
    finally:
        _end([child.process for child in children])


def restart_dead(children: Sequence[Child]) -> None:
    """Start each child again that has died, and say so. Raises StartsInVain."""
    for child in children:
        code = child.process.poll()
        if code is None:
            continue
        is_short = time.monotonic() - child.started_at < SHORT_LIFE
        child.short_lives = child.short_lives + 1 if is_short else 0
        _kill_group(child.process)
        if child.short_lives >= MOST_SHORT_LIVES:
            raise StartsInVain(child.name, code)
        _say(child.name, f"ended unexpectedly (exit code {code}) and is started again.")
        child.process, child.started_at = _start(child.name, child.arguments), time.monotonic()


def _start(name: str, arguments: Sequence[str]) -> subprocess.Popen[str]:
    process = subprocess.Popen(  # noqa: S603 (our own arguments)
        [sys.executable, str(Path(end_with_parent.__file__)), str(os.getpid()), *arguments],
        cwd=settings.BASE_DIR,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        # Ctrl-C reaches only this process, which stops the others by SIGTERM
        start_new_session=True,
    )
    threading.Thread(target=_relay, args=(name, process)).start()
    return process


def _relay(name: str, process: subprocess.Popen[str]) -> None:
    """Print the program's output line by line, until it and all its own children have ended."""
    for line in process.stdout or ():
        if line.strip():
            _say(name, line.rstrip())


def _say(name: str, line: str) -> None:
    # the service continues even if nobody reads its output
    with suppress(BrokenPipeError):
        print(f"{name:6}", line, flush=True)  # noqa: T201 (output of other programs)


def _end(processes: Sequence[subprocess.Popen[str]]) -> None:
    """Ask each program to finish, then kill the rest of its process group."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0, deadline - time.monotonic()))
        _kill_group(process)
        process.wait()


def _kill_group(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
