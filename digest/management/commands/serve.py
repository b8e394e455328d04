"""``./run serve``: run the web pages, the worker and the timetable as one process tree."""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from digest.editions.current_time import current_time
from digest.ingest.papers.default_topics import update_defaults
from digest.management.database_lock import alone_on_this_database
from digest.management.process_tree import StartsInVain, restart_dead, running
from digest.models import Edition
from digest.two_factor import DEMONSTRATION
from subscriptions.seed_data import seed_topics

CELERY = ["-m", "celery", "-q", "-A", "digest.config.celery"]
WORKER = [*CELERY, "worker", "-l", "warning", "--without-gossip", "--without-mingle", "--without-heartbeat"]
LOOK = 0.2  # seconds between two looks at the children
USAGE = "./run serve [--live | --rehearsal | --sample] [--host ADDRESS] [PORT]"  # Django's own options are left out
IS_REAL = {
    "live": "The day is real: sources are read, and mails leave by MAIL_PROVIDER ({provider}).",
    "sample": (
        "Pages, sign-up, ranking and mails work as they will. Not real: the papers are invented, the day stands still, "
        "and mails only go to {outbox}. Start for real with: ./run serve --live"
    ),
    "rehearsal": (
        "The papers are those of the files that ./run digest --from was given. Not real: the day stands still, and "
        "mails only go to {outbox}."
    ),
}


def logins() -> str:
    """Return whose login was printed when, and how to create one."""
    members = User.objects.filter(is_staff=True, is_active=True)
    command = "./run manage staff ADDRESS --role owner"
    if members.filter(email=DEMONSTRATION).exists():
        return f"the first digest printed the login of {DEMONSTRATION}; another one: {command}"
    return f"another login: {command}" if members.exists() else f"nobody can sign in yet; to create a login: {command}"


class Command(BaseCommand):
    help = (
        "Serve the web pages and send links to visitors; in live mode also fetch, open editions and send digests. "
        "A process that dies is started again. Runs until Ctrl-C. "
        "Exit codes: 0 stopped on request; 1 a process does not stay up; 2 wrong arguments or settings."
    )
    requires_system_checks = ()

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        return super().create_parser("./run", subcommand, allow_abbrev=False, usage=USAGE, **options)

    def add_arguments(self, parser: ArgumentParser) -> None:
        # read by ./run, before any setting is; named here for the usage text
        for mode in IS_REAL:
            parser.add_argument(f"--{mode}", action="store_true", help=f"serve the {mode} days")
        parser.add_argument("port", nargs="?", type=_port, default=8000, help="port of the web pages (%(default)s)")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")

    def handle(self, *, host: str, port: int, **options: Any) -> None:
        with alone_on_this_database(", or give this one a folder of its own with BROADSHEET_VAR"):
            _raise_if_taken(host, port)
            _link_to(port)
            self._prepare()
            self._say_where()
            with _stop_signals() as stop, running(_programs(host, port)) as children:
                while not stop.wait(LOOK):
                    try:
                        restart_dead(children)
                    except StartsInVain as error:
                        name, code = error.args
                        raise CommandError(
                            f"{name} does not stay up (exit code {code}); its last lines are above. "
                            "All processes are stopped."
                        ) from error
            self.stdout.write("Stopped: all processes have ended.")

    def _prepare(self) -> None:
        if settings.MODE == "live":
            call_command("first_run", stdout=self.stdout)
        elif settings.MODE == "sample" and not Edition.objects.exists():
            call_command("digest", stdout=self.stdout)
        else:
            seed_topics()
            update_defaults(now=current_time(timezone.now()))

    def _say_where(self) -> None:
        outbox = os.path.relpath(settings.OUTBOX)
        self.stdout.write(
            f"\nBroadsheet ({settings.MODE} day): {settings.SITE_URL} until Ctrl-C."
            f"\nCurators' dashboard: {settings.SITE_URL}/dashboard/ ({logins()})"
            f"\n{IS_REAL[settings.MODE].format(outbox=outbox, provider=settings.MAIL_PROVIDER)}"
        )
        self.stdout.flush()


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise ArgumentTypeError(f"{text!r} is not a port: give a number from 1 to 65535")
    return int(text)


def _raise_if_taken(host: str, port: int) -> None:
    """Raise CommandError unless the port can be listened on."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            other = port + 1 if port < 65535 else 8000
            what = {
                errno.EADDRINUSE: f"Port {port} is in use by another program. Choose another one: ./run serve {other}",
                errno.EACCES: f"Port {port} is for the superuser. Choose one from 1024: ./run serve 8000",
            }.get(error.errno or 0, f"Cannot listen on {host}, port {port}: {error.strerror or error}.")
            raise CommandError(what, returncode=2) from None


def _link_to(port: int) -> None:
    """Let links in mails lead to the port that is served, unless the operator gave SITE_URL."""
    if not os.environ.get("SITE_URL"):
        # for the children, and for the sample day that this process makes
        os.environ["SITE_URL"] = settings.SITE_URL = f"http://localhost:{port}"


def _programs(host: str, port: int) -> dict[str, list[str]]:
    """Return name -> arguments to Python for each process of this configuration."""
    where = f"[{host}]" if ":" in host else host
    web = ["-m", "digest.config.web_server", "--bind", f"{where}:{port}"]
    # a model that writes summaries slowly takes no place from what must be in time
    more = int(bool(settings.SUMMARY_URL))
    if settings.REDIS_URL:
        return {
            "web": web,
            "worker": [*WORKER, "-P", "prefork", "-c", str(2 + more)],
            "mail": [*WORKER, "-P", "threads", "-c", "1", "-Q", "mail", "-n", "mail@%h"],
            "beat": [*CELERY, "beat", "-l", "warning", "--pidfile="],
        }
    return {"web": web, "worker": [*WORKER, "-B", "-P", "threads", "-c", str(4 + more)]}


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
