"""``./run serve``: run the web pages, the worker and the timetable as one process tree."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from subscriptions.seed_data import seed_topics

GRACE = 15  # seconds to finish, then the tree is killed
CELERY = ["-m", "celery", "-q", "-A", "digest.config.celery"]
WORKER = [*CELERY, "worker", "-l", "warning", "--without-gossip", "--without-mingle", "--without-heartbeat"]


class Command(BaseCommand):
    help = (
        "Serve the web pages and send links to visitors; in live mode also fetch, open editions and send digests. "
        "Runs until Ctrl-C. "
        "Exit codes: 0 stopped on request; 1 a process ended unexpectedly; 2 wrong arguments or settings."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="port of the web pages (%(default)s)")

    def handle(self, *, host: str, port: int, **options: Any) -> None:
        if settings.MODE == "live":
            call_command("first_run", stdout=self.stdout)
            what = "with its timetable"
        else:
            seed_topics()
            what = f"the {settings.MODE} day, always the same; its mails go to the outbox"
        self.stdout.write(f"Broadsheet, {what}: http://localhost:{port} until Ctrl-C.")
        self.stdout.flush()
        with _stop_signals() as stop, _running(_processes(host, port)) as children:
            while not stop.wait(0.2):
                for name, child in children.items():
                    if (code := child.poll()) is not None:
                        raise CommandError(f"{name} ended unexpectedly (exit code {code}). All processes are stopped.")


def _processes(host: str, port: int) -> dict[str, list[str]]:
    """Return the arguments to Python for each process of this configuration."""
    web = ["-m", "gunicorn", "-c", "python:digest.config.gunicorn", "--bind", f"{host}:{port}"]
    if settings.REDIS_URL:
        return {
            "web": web,
            "worker": [*WORKER, "-P", "prefork", "-c", "2"],
            "mail": [*WORKER, "-P", "threads", "-c", "1", "-Q", "mail", "-n", "mail@%h"],
            "beat": [*CELERY, "beat", "-l", "warning", "--pidfile="],
        }
    return {"web": web, "worker": [*WORKER, "-B", "-P", "threads", "-c", "4"]}


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    stop = threading.Event()

    def wanted(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, wanted) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _running(processes: dict[str, list[str]]) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Start the processes, each in a session of its own, and end all of them afterwards."""
    children: dict[str, subprocess.Popen[str]] = {}
    try:
        for name, arguments in processes.items():
            children[name] = subprocess.Popen(  # noqa: S603 (our own arguments)
                [sys.executable, *arguments],
                cwd=settings.BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                # Ctrl-C reaches only this process, which stops the others by SIGTERM
                start_new_session=True,
            )
            threading.Thread(target=_relay, args=(name, children[name])).start()
        yield children
    finally:
        _end(list(children.values()))


def _relay(name: str, child: subprocess.Popen[str]) -> None:
    """Print the child's output line by line, until it and all its own children have ended."""
    for line in child.stdout or ():
        if line.strip():
            # the service continues even if nobody reads its output
            with suppress(BrokenPipeError):
                print(f"{name:6}", line.rstrip(), flush=True)  # noqa: T201 (output of other programs)


def _end(children: list[subprocess.Popen[str]]) -> None:
    """Ask each child to finish, then kill the rest of its process group."""
    for child in children:
        child.terminate()
    deadline = time.monotonic() + GRACE
    for child in children:
        with suppress(subprocess.TimeoutExpired):
            child.wait(max(0, deadline - time.monotonic()))
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
