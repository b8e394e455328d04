"""Python processes for tests, each with its own environment, forked from one that has all packages loaded."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from typing import IO

from tests.support.paths import ROOT


class Fork:
    """A process that was forked, with as much of Popen as tests ask for."""

    def __init__(self, told: IO[str], stdin: IO[str] | None = None, stdout: IO[str] | None = None) -> None:
        self._told, self.stdin, self.stdout = told, stdin, stdout
        self.pid = int(told.readline())
        self.returncode: int | None = None

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = int(self._told.readline())
            self._told.close()
        return self.returncode

    def communicate(self) -> tuple[str, None]:
        """Return what it prints until its end."""
        assert self.stdin is not None
        assert self.stdout is not None
        self.stdin.close()
        printed = self.stdout.read()
        self.stdout.close()
        self.wait()
        return printed, None

    def kill(self) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def run(*arguments: str, environment: Mapping[str, str], is_set_up: bool = False) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments to its end, in the root of the tree; ``is_set_up``: Django is, before it begins."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors, open(os.devnull) as nothing:
        code = _fork(arguments, environment, (nothing, out, errors), is_set_up).wait()
        for file in (out, errors):
            file.seek(0)
        return subprocess.CompletedProcess(arguments, code, out.read(), errors.read())


def start(*arguments: str, environment: Mapping[str, str]) -> Fork:
    """Start Python with these arguments and Django set up, with pipes to it and from it."""
    their_in, our_in = os.pipe()
    our_out, their_out = os.pipe()
    with open(their_in) as stdin, open(their_out, "w") as stdout:
        fork = _fork(arguments, environment, (stdin, stdout, sys.__stderr__), is_set_up=True)
    fork.stdin, fork.stdout = os.fdopen(our_in, "w"), os.fdopen(our_out)
    return fork


def _fork(arguments: Sequence[str], environment: Mapping[str, str], files: Sequence[IO[str]], is_set_up: bool) -> Fork:
    # for whatever watches for new processes, as a quick run does
    sys.audit("os.fork")
    server = _server_of(tuple(sorted(environment.items()))) if is_set_up else _server()
    ours, theirs = os.pipe()
    request = {"arguments": arguments, "environment": dict(environment), "serves": False}
    _send(server, request, [*(file.fileno() for file in files), theirs])
    os.close(theirs)
    return Fork(os.fdopen(ours))


@cache
def _server() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, "-m", "tests.support.fork_server", str(theirs.fileno())]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        # In a session of its own, because Ctrl-C is for the tests; it ends when their end of the socket is closed.
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    return ours


# The last few, because each holds some memory; one that falls out ends with its socket.
@lru_cache(maxsize=4)
def _server_of(environment: tuple[tuple[str, str], ...]) -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        request = {"environment": dict(environment), "serves": True}
        _send(_server(), request, [theirs.fileno()])
    return ours


def _send(server: socket.socket, request: dict[str, object], files: Sequence[int]) -> None:
    socket.send_fds(server, [json.dumps(request).encode()], files)
