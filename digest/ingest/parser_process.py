"""Parse bodies in a process of its own, with limits of memory and processor time: a hostile body ends only that.

The parent sends a letter for the reader, the length and the body; the child answers with a length and JSON. The child
is started with ``subprocess``, because the processes of a Celery worker may not start pools.
"""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Hashable
from contextlib import suppress
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Self, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from digest.ingest import opml, parsers, reference_lists
from digest.ingest.parsers import Feed, SourceUnreadable
from digest.ingest.reference_lists import ReferenceList
from digest.source_errors import ErrorKind

ROOT = Path(__file__).resolve().parents[2]
MEMORY = 1024  # MiB of address space
SECONDS = 60  # of processor time for one body
START = 5  # seconds for the start of the process and for rounding up
PATIENCE = 2  # times as long by the clock, when the machine is busy
MAX_ANSWER = 256 * 1024 * 1024  # bytes
LENGTH = 8  # bytes of a number
OUT_OF_MEMORY = 3  # exit code

READERS: dict[bytes, tuple[Callable[[bytes], Any], type]] = {
    b"f": (parsers.read, Feed),
    b"o": (opml.read, opml.FeedList),
    b"r": (reference_lists.read, ReferenceList),
}
T = TypeVar("T")


class ParserProcess:
    """A parser process that is started when it is needed, reused, and started again after its death.

    ``memory`` is in MiB, ``seconds`` of processor time are for each body. Not for several threads.
    """

    def __init__(self, *, memory: int = MEMORY, seconds: int = SECONDS) -> None:
        self.memory, self.seconds = memory, seconds
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> subprocess.Popen[bytes]:
        """Start the process, unless it runs, and do not wait for it."""
        if self._process is None:
            command = [sys.executable, "-m", __name__, str(self.memory), str(self.seconds)]
            # the settings of the service, with its secrets, are none of its business
            environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
            self._process = subprocess.Popen(  # noqa: S603 (our own module)
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # an interrupt at the terminal is for the parent
            )
        return self._process

    def read(self, body: bytes) -> Feed:
        """Return the papers in a body (see ``parsers.read``). Raises SourceUnreadable, also when the process dies."""
        feed: Feed = self._ask(b"f", body)
        return feed

    def read_opml(self, body: bytes) -> opml.FeedList:
        """Return the feeds in an OPML file. Raises SourceUnreadable, also when the process dies."""
        found: opml.FeedList = self._ask(b"o", body)
        return found

    def read_references(self, body: bytes) -> ReferenceList:
        """Return the works in a list of references. Raises SourceUnreadable, also when the process dies."""
        found: ReferenceList = self._ask(b"r", body)
        return found

    def close(self) -> int:
        """End the process, if there is one, and return its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.kill()  # nothing happens where it has ended
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):  # what was not written is lost
                assert pipe  # noqa: S101 (for the type checker)
                pipe.close()
        return process.wait()

    def _ask(self, letter: bytes, body: bytes) -> Any:
        process = self.start()
        assert process.stdin  # noqa: S101 (for the type checker, as below)
        assert process.stdout  # noqa: S101 (likewise)
        timer = threading.Timer((START + self.seconds) * PATIENCE, process.kill)
        timer.start()
        try:
            process.stdin.write(letter + len(body).to_bytes(LENGTH))
            process.stdin.write(body)
            process.stdin.flush()
            answer = _read_exactly(process.stdout)
        except (EOFError, BrokenPipeError):
            raise SourceUnreadable(ErrorKind.PARSER_ENDED, self._why_it_ended()) from None
        except BaseException:  # an answer that nobody read would be taken for the next one's
            self.close()
            raise
        finally:
            timer.cancel()
        said = json.loads(answer)
        if "error" in said:
            kind, detail = ErrorKind(said["error"][0]), said["error"][1]
            raise SourceUnreadable(kind, detail)
        return decode(READERS[letter][1], said["found"])

    def _why_it_ended(self) -> str:
        code = self.close()
        if code == -signal.SIGXCPU:
            return f"it took more than {self.seconds} s"
        if code == -signal.SIGKILL:
            return "it took too long, or the machine has no memory left"
        if code == OUT_OF_MEMORY:
            return f"it took more than {self.memory:,} MiB of memory"
        return f"the parser ended with code {code}"


def encode(value: object) -> bytes:
    """Return dataclasses, dates and plain values as JSON."""
    return json.dumps(value, default=_plain, separators=(",", ":")).encode()


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    return {name: getattr(value, name) for name in _decoders(cast(Hashable, type(value)))}


def decode(hint: type[T], value: Any) -> T:
    """Return what ``encode`` wrote of a value of this type."""
    made: T = _decoder(cast(Hashable, hint))(value)
    return made


def _same(value: Any) -> Any:
    return value


@cache
def _decoders(cls: Hashable) -> dict[str, Callable[[Any], Any]]:
    return {name: _decoder(hint) for name, hint in get_type_hints(cast(type, cls)).items()}


@cache
def _decoder(hint: Hashable) -> Callable[[Any], Any]:
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        fields = {name: one for name, one in _decoders(cast(Hashable, hint)).items() if one is not _same}
        return lambda value: hint(**{**value, **{name: one(value[name]) for name, one in fields.items()}})
    if hint is date or hint is datetime:
        return hint.fromisoformat
    parts = [_decoder(part) for part in get_args(hint) if part not in (type(None), Ellipsis)]
    if get_origin(hint) in (Union, types.UnionType):
        return _same if parts[0] is _same else lambda value: None if value is None else parts[0](value)
    if get_origin(hint) is tuple:
        return tuple if parts[0] is _same else lambda value: tuple(map(parts[0], value))
    return _same


# --- the child -------------------------------------------------------------------------------------------------------


def serve(requests: BinaryIO, answers: BinaryIO, *, memory: int, seconds: int) -> None:
    """Answer requests until there are no more; ``memory`` is in MiB, ``seconds`` are for each body."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory << 20, memory << 20))
    while letter := requests.read(1):
        body = _read_exactly(requests)
        # the limit counts from the start of the process; whole seconds, so one more
        allowed = int(time.process_time()) + 1 + seconds
        resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.RLIM_INFINITY))
        try:
            answer = encode({"found": READERS[letter][0](body)})
        except SourceUnreadable as error:
            answer = encode({"error": (error.kind, error.detail)})
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        answers.write(len(answer).to_bytes(LENGTH))
        answers.write(answer)
        answers.flush()


def _read_exactly(stream: BinaryIO | Any) -> bytes:
    """Return what follows a length. Raises EOFError where less comes, or far too much is announced."""
    head = stream.read(LENGTH)
    length = int.from_bytes(head)
    if len(head) < LENGTH or length > MAX_ANSWER:
        raise EOFError
    found: bytes = stream.read(length)
    if len(found) < length:
        raise EOFError
    return found


if __name__ == "__main__":
    # whatever a library prints must not come between the answers
    channel, sys.stdout = sys.stdout.buffer, sys.stderr
    serve(sys.stdin.buffer, channel, memory=int(sys.argv[1]), seconds=int(sys.argv[2]))
