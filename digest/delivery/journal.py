"""Keep a journal of the mails on the wire, so that a process that dies leaves only those unknown that were in transit.

One file for each lease of a batch, in ``settings.JOURNALS``, named with the token of the lease. Its lines:

    broadsheet journal 1 BOOT     the format, and the boot of the machine that writes it
    @ TIME                        a chunk begins; its rows say ``handing_off`` at this time
    > REFERENCE ...               these mails are about to leave, in one message or one request
    = REFERENCE                   accepted; ``! REFERENCE {...}`` is any other answer

The writer holds a lock on its file (flock), which the kernel releases with the process. So a journal is read only when
its process has ended, however it ended, and never that of a process that is frozen; no process number is compared. A
line is written to the page cache, which outlives the process and not the machine: a journal of another boot, or of
another machine that shares the folder, is not read. The file has its full size from the beginning, so that one that was
cut is known by its size. A mail server is told of the next mail before it answers the last: then the line of the answer
and that of the next mail are one write, as are the answers to one request. A process that is killed meanwhile may leave
the last line cut: an answer is left out then, and the others count. Whatever else cannot be read is left out with one
line in the log, and the end of the lease decides as if there were no journal.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self

from django.conf import settings

from subscriptions.mail.outcomes import ACCEPTED, Scope, SendReason, SendResult, SendStatus

logger = logging.getLogger(__name__)

VERSION = b"broadsheet journal 1"
SIZE = 512 * 1024  # of a file, in octets: two lines for each of 1,000 mails, or an answer in words for each
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
FORGET_AFTER = 86_400  # seconds: then a journal that nobody may read is deleted


class Unreadable(Exception):
    """The journal is cut, or of another version or machine. The text says which."""


@cache
def _boot() -> bytes:
    """Return what names this boot of this machine. Raises OSError where the system does not tell."""
    return BOOT_ID.read_bytes().strip()


class Journal:
    """The journal of one delivery. Without a file (``is_kept`` is False) it does nothing."""

    def __init__(self, token: str) -> None:
        self.is_broken = False  # a line could not be written: nothing more may leave under this lease
        self._path = settings.JOURNALS / f"{token}.journal"
        self._left = SIZE
        self._file = self._open()
        self._held = b""  # answers to be written with the next line

    @property
    def is_kept(self) -> bool:
        return self._file is not None

    def _open(self) -> int | None:
        try:
            header = b"%b %b\n" % (VERSION, _boot())
            settings.JOURNALS.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        except OSError as error:
            _say_once(f"No journal of deliveries can be kept in {settings.JOURNALS}: {error.strerror}.")
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.posix_fallocate(file, 0, SIZE)  # a full disk says so here, and not in the middle of a chunk
            os.write(file, header)
        except OSError as error:
            _say_once(f"No journal of deliveries can be kept in {settings.JOURNALS}: {error.strerror}.")
            self._path.unlink(missing_ok=True)
            os.close(file)
            return None
        self._left = SIZE - len(header)
        return file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Close it. After an error the file stays, and tells what became of the mails."""
        self.flush()
        if self._file is None:
            return
        if kind is None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = None

    def chunk(self, taken_at: datetime) -> None:
        """Begin a chunk; call before its rows are marked."""
        self._write(b"@ %b\n" % taken_at.isoformat().encode())

    def begin(self, references: Sequence[str]) -> bool:
        """Write that these mails are about to leave; return whether they may, False if that could not be written."""
        return self._write(b"> %b\n" % " ".join(references).encode())

    def answer(self, reference: str, result: SendResult, *, more: bool = False) -> None:
        """Write what became of a mail; with ``more`` together with what comes next, or by :meth:`flush`."""
        line = _answered(reference, result)
        # not while several threads share the journal
        if more and len(self._held) + len(line) < self._left:
            self._held += line
        else:
            self._write(line)

    def flush(self) -> None:
        """Write the answers that are held."""
        if self._held:
            self._write(b"")

    def _write(self, line: bytes) -> bool:
        held, self._held = self._held, b""
        if self._file is None:
            return True
        if len(held) < self._left <= len(held) + len(line):  # there is room for the answers alone
            self._append(self._file, held)
            held = b""
        return self._append(self._file, held + line)

    def _append(self, file: int, line: bytes) -> bool:
        self._left -= len(line)
        try:
            # the last octet stays empty: it ends the lines
            self.is_broken = self.is_broken or self._left < 1 or os.write(file, line) != len(line)
        except OSError as error:
            self.is_broken = True
            logger.warning("The journal of a delivery cannot be written: %s. The rest waits.", error.strerror)
        return not self.is_broken


_FIELDS = [one.name for one in fields(SendResult)]


def _answered(reference: str, result: SendResult) -> bytes:
    if result is ACCEPTED:
        return b"= %b\n" % reference.encode()
    said = {name: value for name in _FIELDS if (value := getattr(result, name))}
    if result.retry_after is not None:
        said["retry_after"] = result.retry_after.total_seconds()
    return b"! %b %b\n" % (reference.encode(), json.dumps(said).encode())


@dataclass(slots=True)
class LeftBehind:
    """The journal of a process that has ended: of the chunk that it had in hand, which mails had begun to leave."""

    token: str
    taken_at: datetime | None = None
    begun: set[str] = field(default_factory=set)  # references
    answers: dict[str, SendResult] = field(default_factory=dict)


@contextmanager
def left_behind() -> Iterator[list[LeftBehind]]:
    """Yield the journals of this machine's processes that have ended, each to one caller at a time.

    They are deleted afterwards, unless the caller raises an error.
    """
    found: list[LeftBehind] = []
    locked: list[tuple[Path, int]] = []
    try:
        for path in _paths():
            if (file := _lock(path)) is None:
                continue
            locked.append((path, file))
            try:
                found.append(_read(file, token=path.stem))
            except Unreadable as why:
                logger.warning("The journal of a delivery is left out, and the end of its lease decides: %s.", why)
        yield found
        for path, _ in locked:
            with suppress(OSError):
                path.unlink(missing_ok=True)
    finally:
        for _, file in locked:
            os.close(file)


def _paths() -> list[Path]:
    try:
        return sorted(settings.JOURNALS.glob("*.journal"))
    except OSError:
        return []


def _lock(path: Path) -> int | None:
    """Open and lock the journal of a process of this machine that has ended; return None for any other file."""
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:  # read just now by another process, or not ours to write
        return None
    try:
        if _is_foreign(file):
            if time.time() - os.fstat(file).st_mtime > FORGET_AFTER:
                path.unlink(missing_ok=True)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file).st_nlink:  # else somebody else has read and deleted it
                return file
    except OSError:  # its process lives
        pass
    os.close(file)
    return None


def _is_foreign(file: int) -> bool:
    """Return whether another machine wrote it, or this one before its last start: its lock says nothing then."""
    words = os.pread(file, 200, 0).partition(b"\n")[0].rsplit(b" ", 1)
    return len(words) == 2 and words[0].startswith(b"broadsheet journal ") and words[1] != _boot()


def _read(file: int, *, token: str) -> LeftBehind:
    octets = os.pread(file, SIZE + 1, 0)
    written, _, rest = octets.partition(b"\0")
    header, _, lines = written.partition(b"\n")
    lines, _, last = lines.rpartition(b"\n")
    if not header.startswith(VERSION + b" "):
        raise Unreadable("it is of another version")
    # a process that is killed may write half of several answers; that of the last line is not known then
    if len(octets) != SIZE or rest.strip(b"\0") or (last and last[:1] not in b"=!"):
        raise Unreadable("it is cut")
    left = LeftBehind(token)
    try:
        for line in lines.decode().splitlines():
            _apply(left, *line.split(" ", 1))
    except (ValueError, TypeError) as error:
        raise Unreadable(f"it has a line that says nothing ({type(error).__name__})") from error
    return left


def _apply(left: LeftBehind, kind: str, rest: str) -> None:
    match kind:
        case "@":
            left.taken_at = datetime.fromisoformat(rest)
            left.begun.clear()
            left.answers.clear()
        case ">":
            left.begun.update(rest.split(" "))
        case "=":
            left.answers[rest] = ACCEPTED
        case "!":
            reference, _, fields = rest.partition(" ")
            left.answers[reference] = _result(json.loads(fields))
        case _:
            raise ValueError(kind)


def _result(fields: dict[str, Any]) -> SendResult:
    kinds: dict[str, Callable[[Any], Any]] = {
        "status": SendStatus,
        "scope": Scope,
        "reason": SendReason,
        "retry_after": lambda seconds: timedelta(seconds=seconds),
    }
    known: dict[str, Any] = {name: kinds.get(name, str)(value) for name, value in fields.items()}
    return SendResult(**known)


@cache
def _say_once(why: str) -> None:
    logger.warning("%s What a worker that is killed was handing over will be unknown.", why)
