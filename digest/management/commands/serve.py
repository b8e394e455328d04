"""``./run serve``: the web pages, the worker and its timetable as one process tree."""

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

GRACE = 15  # seconds for what is in hand, then the tree is killed
CELERY = ["-m", "celery", "-q", "-A", "digest.config.celery"]
WORKER = [*CELERY, "worker", "-l", "warning", "--without-gossip", "--without-mingle", "--without-heartbeat"]


class Command(BaseCommand):
    help = (
        "Serve the web pages, answer those who sign up, and on real days also fetch, open editions and send, "
        "until Ctrl-C. "
        "Exit codes: 0 stopped on request; 1 one of its processes ended by itself; 2 wrong arguments or settings."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="the port of the web pages (%(default)s)")

    def handle(self, *, host: str, port: int, **options: Any) -> None:
        if settings.MODE == "live":
            call_command("first_run", stdout=self.stdout)
            what = "with its timetable"
        else:
            seed_topics()
            what = f"the {settings.MODE} day, which does not move on; who signs up gets it into the outbox"
        self.stdout.write(f"Broadsheet, {what}: http://localhost:{port} until Ctrl-C.")
        self.stdout.flush()
        with _stop_signals() as stop, _running(_processes(host, port)) as children:
            while not stop.wait(0.2):
                for name, child in children.items():
                    if (code := child.poll()) is not None:
                        raise CommandError(f"{name} ended by itself (exit code {code}), so all was stopped.")


def _processes(host: str, port: int) -> dict[str, list[str]]:
    """The arguments to Python for each process of this configuration."""
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
    """The processes, each the head of a session of its own, and nothing of them left afterwards."""
    children: dict[str, subprocess.Popen[str]] = {}
    try:
        for name, arguments in processes.items():
            children[name] = subprocess.Popen(  # noqa: S603 (our own words)
                [sys.executable, *arguments],
                cwd=settings.BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,  # Ctrl-C reaches only this process, which tells the others in their own way
            )
            threading.Thread(target=_relay, args=(name, children[name])).start()
        yield children
    finally:
        _end(list(children.values()))


def _relay(name: str, child: subprocess.Popen[str]) -> None:
    """Print what the child says, a line at a time, until it and all its own children are gone."""
    for line in child.stdout or ():
        if line.strip():
            with suppress(BrokenPipeError):  # nobody reads any more: the service goes on all the same
                print(f"{name:6}", line.rstrip(), flush=True)  # noqa: T201 (other programs' words, as they come)


def _end(children: list[subprocess.Popen[str]]) -> None:
    """Ask each to finish what it has in hand, then kill what is left of its group."""
    for child in children:
        child.terminate()
    deadline = time.monotonic() + GRACE
    for child in children:
        with suppress(subprocess.TimeoutExpired):
            child.wait(max(0, deadline - time.monotonic()))
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
