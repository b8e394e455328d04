"""A process that has all packages loaded and forks for each script that tests/support/forks.py sends it.

Most of what a start of Django costs is the loading of packages, a second of processor time. A fork of this process reads
the environment and the settings as a start does, and is a process of its own; only what it loads is there already.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
import time
import traceback
from contextlib import suppress
from types import ModuleType
from typing import Any, NoReturn

MOST = 200_000  # octets of a request
# What most scripts load and what needs no settings: nothing here may read the environment.
PACKAGES = """
anymail.backends.base bibtexparser celery.app.amqp digest.ranking.sparse django.contrib.admin.options
django.contrib.auth.hashers django.contrib.sessions.middleware django.contrib.staticfiles.storage django.core.management
django.db.backends.postgresql.base django.db.backends.sqlite3.base django.test email_validator environ feedparser httpx2
markdown_it nh3 pylatexenc.latex2text pytest redis rich.console rispy whitenoise.middleware
""".split()
# And what most scripts load that needs them.
MODULES = ["digest.jobs", "tests.support.factories"]


def main() -> None:
    for name in PACKAGES:
        importlib.import_module(name)
    _serve(socket.socket(fileno=int(sys.argv[1])))


def _serve(requests: socket.socket) -> None:
    """Fork for each request, until the other end of the socket is closed."""
    # so that no fork copies what it only looks at
    gc.freeze()
    # No process waits for the forks, so the system is to forget them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, files, _, _ = socket.recv_fds(requests, MOST, 4)
        if not message:
            return
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _become(json.loads(message), files)
        for file in files:
            os.close(file)


def _become(request: dict[str, Any], files: list[int]) -> NoReturn:
    """Be the server of one environment, or the process that runs one script and tells how it ended."""
    code = 1
    try:
        os.environ.clear()
        os.environ.update(request["environment"])
        time.tzset()
        folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        sys.path += [folder for folder in folders if folder and folder not in sys.path]
        if request["serves"]:
            _set_up(files[0])
            code = 0
        else:
            code = _run(request["arguments"], files)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _set_up(requests: int) -> None:
    # Where a setting is wrong, the script meets the same error and tells it.
    with suppress(Exception):
        importlib.import_module("django").setup()
        for name in MODULES:
            importlib.import_module(name)
    _serve(socket.socket(fileno=requests))


def _run(arguments: list[str], files: list[int]) -> int:
    told = files.pop()
    if child := os.fork():
        for file in files:
            os.close(file)
        os.write(told, f"{child}\n".encode())
        _, status = os.waitpid(child, 0)
        os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        return 0
    os.close(told)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    # those of the server were made for its own files
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", errors="backslashreplace")  # noqa: SIM115 (for good)
    code = _exit_code(arguments)
    # as Python does at its end
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _exit_code(arguments: list[str]) -> int:
    """Run what Python would run with these arguments."""
    try:
        _python(arguments)
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
            return 1
        return ended.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _python(arguments: list[str]) -> None:
    first, *rest = arguments
    if first == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.modules["__main__"] = main = ModuleType("__main__")
        exec(rest[0], main.__dict__)  # noqa: S102 (as Python itself does with -c)
    elif first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    main()
