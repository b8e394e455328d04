"""An SMTP server that takes every mail and keeps count, as a process of its own; it can be told to misbehave.

``python -m tests.support.smtp_sink --port 0 --log mails.log`` prints ``{"port": ..., "control": ...}``: where mail goes, and where it
is told things, one JSON object a line (``python -m tests.support.smtp_sink --tell CONTROL '{"rules": [...]}'``). Each answer is the
counts. From Python: ``with sink(log=path) as one: one.tell(stall("end", next=1))``.

One thread, one epoll, few system calls: some 60 us of CPU a mail, so that a benchmark measures its client.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT

# Where it can misbehave: at the greeting, in its answers to commands, when a mail's content begins to come, and after
# the final dot.
STAGES = ("greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "content", "end")
END = b"\r\n.\r\n"
LEADING_DOT = re.compile(rb"(?:(?<=\r\n)|\A)\.")
STUFFED = re.compile(LEADING_DOT.pattern + rb"\.")
BARE_DOT = re.compile(LEADING_DOT.pattern + rb"(?!\.)")
MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^>\r\n]*>)", re.IGNORECASE | re.MULTILINE)
HEAD = 16_384  # octets among which a Message-ID is looked for
PATIENCE = 60.0


# --- what it can be told ---------------------------------------------------------------------------------------------


@dataclass
class Rule:
    """One way to misbehave at one stage: for the next few, or for a share of all; for ever without either.

    ``refuse`` answers ``code`` and ``text`` instead. ``stall`` waits so many ``seconds``, or until released. ``cut``
    closes the connection. At the end, ``taken`` says whether the mail counts all the same; without it, one that is
    refused does not, the others do. ``to`` narrows it to recipients that contain it, where there is a recipient yet.
    """

    do: str
    at: str
    code: int = 451
    text: str = "4.3.0 Try again later"
    seconds: float | None = None
    taken: bool | None = None
    headers: dict[str, str] = field(default_factory=dict)  # of an HTTP answer
    next: int | None = None
    share: float = 1.0
    seed: int = 0
    to: str = ""
    _draw: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.do not in ("refuse", "stall", "cut") or self.at not in STAGES:
            raise ValueError(f"no server can {self.do} at {self.at}")
        if self.do == "refuse" and self.at == "content":
            raise ValueError("content is refused at its end")
        self._draw = random.Random(self.seed)

    @property
    def is_taken(self) -> bool:
        return self.do != "refuse" if self.taken is None else self.taken

    def concerns(self, recipients: Sequence[bytes]) -> bool:
        return not self.to or any(self.to.encode() in one for one in recipients)

    def strikes(self, recipients: Sequence[bytes]) -> bool:
        if self.next == 0 or not self.concerns(recipients):
            return False
        if self.share < 1 and self._draw.random() >= self.share:
            return False
        if self.next is not None:
            self.next -= 1
        return True


def refuse(at: str, code: int, text: str, **when: Any) -> dict[str, Any]:
    return {"do": "refuse", "at": at, "code": code, "text": text, **when}


def stall(at: str, seconds: float | None = None, **when: Any) -> dict[str, Any]:
    return {"do": "stall", "at": at, "seconds": seconds, **when}


def cut(at: str, **when: Any) -> dict[str, Any]:
    return {"do": "cut", "at": at, **when}


# --- a server that can be told ----------------------------------------------------------------------------------------


class Client:
    """A connection: what came and was not read yet, what is to be answered, and for whom the mail under way is."""

    def __init__(self, socket: socket.socket) -> None:
        self.socket = socket
        self.input, self.answer = bytearray(), bytearray()
        self.recipients: list[bytes] = []
        self.in_content = False
        self.looked = 0  # so far the content's end was looked for
        self.held_at = ""  # the stage at which it is kept waiting: nothing more is read of what came
        self.then = b""  # what is answered when the wait is over

    @property
    def is_open(self) -> bool:
        return self.socket.fileno() >= 0


class Server:
    """One thread and one epoll: reads, counts, logs, and misbehaves; what is spoken is a subclass's."""

    greeting = b""

    def __init__(self, *, port: int = 0, log: Path | None = None, keep: Path | None = None, keep_most: int = 0) -> None:
        self._log = log.open("ab", buffering=0) if log else None  # no line is lost when it is killed
        self._keep, self._keep_most = keep, keep_most
        self._rules: list[Rule] = []
        self._waits: list[tuple[float | None, Client]] = []
        self._clients: dict[int, Client] = {}
        self._controls: dict[int, tuple[socket.socket, bytearray]] = {}
        self._epoll = select.epoll()
        self._door, self._control = (socket.create_server(("127.0.0.1", at), backlog=1024) for at in (port, 0))
        for listening in (self._door, self._control):
            listening.setblocking(False)
            self._epoll.register(listening, select.EPOLLIN)
        self._view = memoryview(bytearray(1 << 20))
        self.port, self.control = self._door.getsockname()[1], self._control.getsockname()[1]
        self._ids: Counter[bytes] = Counter()
        self._recipients: Counter[bytes] = Counter()
        self._struck: Counter[str] = Counter()
        self.mails = self._octets = self._connections = self.stuffed_lines = self.bare_dots = 0
        self._first = self._last = 0.0

    # --- for the subclass

    def read(self, client: Client) -> bool:
        """Read one thing of what came, and answer it; False when there is not enough yet."""
        raise NotImplementedError

    def refusal(self, rule: Rule) -> bytes:
        raise NotImplementedError

    def reply(self, client: Client, stage: str, normal: bytes) -> bool:
        """Answer, or misbehave as told; whether the client may go on."""
        return self.act(client, stage, normal, self.struck(stage, client.recipients) if self._rules else None)

    def struck(self, stage: str, recipients: Sequence[bytes]) -> Rule | None:
        for rule in self._rules:
            if rule.at == stage and rule.strikes(recipients):
                self._struck[f"{rule.do} {stage}"] += 1
                return rule
        return None

    def act(self, client: Client, stage: str, normal: bytes, rule: Rule | None) -> bool:
        if rule is None:
            client.answer += normal
            return True
        if rule.do == "stall":
            self._flush(client)
            client.held_at, client.then = stage, normal
            self._waits.append((None if rule.seconds is None else time.monotonic() + rule.seconds, client))
            return True
        if rule.do == "refuse":
            client.answer += self.refusal(rule)
            if rule.code != 421:
                return False
        self.drop(client)
        return False

    def take(self, name: bytes, recipients: list[bytes], size: int) -> None:
        """Count a mail, and write its line."""
        now = time.time()
        self._ids[name] += 1
        self._recipients.update(recipients)
        self.mails += 1
        self._octets += size
        self._first = self._first or now
        self._last = now
        if self._log:
            self._log.write(b"%.6f %s %s\n" % (now, name, b" ".join(recipients)))

    def keep(self, content: Callable[[], bytes]) -> None:
        """Lay down the mail that was just taken, if mails are kept."""
        if self._keep and self.mails <= self._keep_most:
            (self._keep / f"{self.mails:07}").write_bytes(content())

    def drop(self, client: Client) -> None:
        """Say what is still to be said, and close the connection."""
        self._flush(client)
        if client.is_open:
            self._clients.pop(client.socket.fileno(), None)
            client.socket.close()
        self._waits = [(until, one) for until, one in self._waits if one is not client]

    # --- the loop

    def run(self, *, leash: bool) -> None:
        """Serve until told to end; with a ``leash``, also when standard input closes, as when a parent dies."""
        if leash:
            self._epoll.register(0, select.EPOLLIN | select.EPOLLHUP)
        door, control = self._door.fileno(), self._control.fileno()
        while True:
            for number, _ in self._epoll.poll(self._until_next()):
                if client := self._clients.get(number):
                    self._receive(client)
                elif number == door:
                    self._greet()
                elif number == control:
                    heard = self._control.accept()[0]
                    self._controls[heard.fileno()] = heard, bytearray()
                    self._epoll.register(heard, select.EPOLLIN)
                elif number in self._controls:
                    self._listen(number)
                elif number == 0 and leash and not os.read(0, 1024):
                    return
            if self._waits:
                now = time.monotonic()
                for until, client in list(self._waits):
                    if until is not None and until <= now:
                        self._go_on(client)

    def _until_next(self) -> float | None:
        ends = [until for until, _ in self._waits if until is not None]
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _greet(self) -> None:
        try:
            accepted = self._door.accept()[0]
        except OSError:  # gone again
            return
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = self._clients[accepted.fileno()] = Client(accepted)
        self._epoll.register(accepted, select.EPOLLIN)
        self._connections += 1
        self.reply(client, "greeting", self.greeting)
        self._flush(client)

    def _receive(self, client: Client) -> None:
        try:
            size = client.socket.recv_into(self._view)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if not size:
            self.drop(client)
            return
        client.input += self._view[:size]
        self._advance(client)

    def _advance(self, client: Client) -> None:
        while client.input and not client.held_at and client.is_open and self.read(client):
            pass
        self._flush(client)

    def _flush(self, client: Client) -> None:
        if client.answer and client.is_open:
            with suppress(OSError):  # one that reads no answers misses them
                client.socket.send(client.answer)
            client.answer.clear()

    def _go_on(self, client: Client) -> None:
        self._waits = [(until, one) for until, one in self._waits if one is not client]
        client.held_at = ""
        client.answer += client.then
        self._advance(client)

    # --- being told

    def _listen(self, number: int) -> None:
        heard, words = self._controls[number]
        said = heard.recv(1 << 16)
        if not said:
            del self._controls[number]
            heard.close()
            return
        words += said
        while (end := words.find(b"\n")) >= 0:
            line = bytes(words[:end])
            del words[: end + 1]
            try:
                answer = self._obey(json.loads(line))
            except (ValueError, TypeError) as error:
                answer = {"error": str(error)}
            heard.sendall(json.dumps(answer).encode() + b"\n")

    def _obey(self, order: dict[str, Any]) -> dict[str, Any]:
        rules = [Rule(**rule) for rule in order.get("rules", [])]
        self._rules = rules if order.get("clear") else self._rules + rules
        if order.get("release"):
            for _, client in list(self._waits):
                self._go_on(client)
        return self.counts()

    def counts(self) -> dict[str, Any]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "mails": self.mails,
            "message_ids": len(self._ids),
            "ids_twice": sorted(name.decode() for name, count in self._ids.items() if count > 1),
            "recipients": len(self._recipients),
            "recipients_twice": sorted(one.decode() for one, count in self._recipients.items() if count > 1),
            "octets": self._octets,
            "stuffed_lines": self.stuffed_lines,  # in mails that were kept
            "bare_dots": self.bare_dots,  # lines in those whose first dot was not doubled
            "first": self._first,  # seconds of time.time()
            "last": self._last,
            "connections": self._connections,
            "open": len(self._clients),
            "stalled": Counter(client.held_at for _, client in self._waits),
            "waiting": [
                {
                    "at": client.held_at,
                    "is_for_good": until is None,  # that is, until it is released
                    "port": client.socket.getpeername()[1],
                    "to": [one.decode() for one in client.recipients],
                }
                for until, client in self._waits
            ],
            "struck": self._struck,  # how often which rule was followed
            "cpu": used.ru_utime + used.ru_stime,
        }


class Smtp(Server):
    greeting = b"220 sink.example ESMTP\r\n"

    def __init__(
        self,
        *,
        without: Sequence[str] = (),
        offer: Sequence[str] = (),
        limit: tuple[int, float] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        words = [word for word in ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES") if word not in without]
        words += offer
        self._limit, self._window, self._asked = limit, 0.0, 0
        lines = ["sink.example", *words, "SIZE 52428800"]
        self._ehlo = "".join(f"250{'-' if line != lines[-1] else ' '}{line}\r\n" for line in lines).encode()

    def read(self, client: Client) -> bool:
        return self._content(client) if client.in_content else self._command(client)

    def refusal(self, rule: Rule) -> bytes:
        return f"{rule.code} {rule.text}\r\n".encode()

    def _command(self, client: Client) -> bool:
        end = client.input.find(b"\n")
        if end < 0:
            return False
        line = bytes(client.input[: end + 1]).strip()
        del client.input[: end + 1]
        verb = line[:4].upper()
        if verb == b"MAIL":
            client.recipients = []
            if self._is_too_fast():
                client.answer += b"450 4.7.1 Error: too much mail from 127.0.0.1\r\n"
            else:
                self.reply(client, "mail", b"250 2.1.0 Ok\r\n")
        elif verb == b"RCPT":
            client.recipients.append(line.partition(b"<")[2].partition(b">")[0])
            if not self.reply(client, "rcpt", b"250 2.1.5 Ok\r\n"):
                client.recipients.pop()
        elif verb == b"DATA":
            if not client.recipients:
                client.answer += b"554 5.5.1 No valid recipients\r\n"
            elif self.reply(client, "data", b"354 End data with a dot\r\n"):
                client.in_content, client.looked = True, -1
        elif verb == b"STAR":
            self.reply(client, "starttls", b"454 4.7.0 TLS not available\r\n")
        elif verb == b"AUTH":
            self.reply(client, "auth", b"235 2.7.0 Ok\r\n")
        elif verb in (b"EHLO", b"HELO"):
            self.reply(client, "ehlo", self._ehlo if verb == b"EHLO" else b"250 sink.example\r\n")
        elif verb == b"RSET":
            client.recipients = []
            client.answer += b"250 2.0.0 Ok\r\n"
        elif verb == b"NOOP":
            client.answer += b"250 2.0.0 Ok\r\n"
        elif verb == b"QUIT":
            client.answer += b"221 2.0.0 Bye\r\n"
            self.drop(client)
        else:
            client.answer += b"502 5.5.2 Not known here\r\n"
        return True

    def _is_too_fast(self) -> bool:
        """Count a mail as Postfix's anvil does: in a window that begins with its first mail, refused ones too."""
        if self._limit is None:
            return False
        most, seconds = self._limit
        now = time.monotonic()
        if now > self._window + seconds:
            self._window, self._asked = now, 0
        self._asked += 1
        return self._asked > most

    def _without_stuffing(self, content: bytes) -> bytes:
        """Take a dot off each line that begins with one (RFC 5321 section 4.5.2), and count those that had only one."""
        self.stuffed_lines += len(STUFFED.findall(content))
        self.bare_dots += len(BARE_DOT.findall(content))
        return LEADING_DOT.sub(b"", content)

    def _content(self, client: Client) -> bool:
        """Look for the end of the mail's content; whether it was there."""
        if client.looked < 0:
            client.looked = 0
            if not self.reply(client, "content", b"") or client.held_at:
                return False
        content = client.input
        if content.startswith(b".\r\n"):
            size, rest = 0, 3
        elif content.endswith(END):  # nothing may follow but the commands of a client that does not wait
            size, rest = len(content) - 3, len(content)
        elif (found := content.find(END, max(0, client.looked - 4))) >= 0:
            size, rest = found + 2, found + 5
        else:
            client.looked = len(content)
            return False
        client.in_content = False
        rule = self.struck("end", client.recipients) if self._rules else None
        if rule is None or rule.is_taken:
            name = MESSAGE_ID.search(content, 0, min(size, HEAD))
            self.take(name[1] if name else b"-", client.recipients, size)
            self.keep(lambda: self._without_stuffing(bytes(content[:size])))
        del content[:rest]
        self.act(client, "end", b"250 2.0.0 Taken\r\n", rule)
        return True


# --- from Python -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sink:
    """A running server: where mail goes, and the connection over which it is told things."""

    process: subprocess.Popen[bytes]
    port: int
    control: int
    _words: Any  # the control connection as a file

    def tell(self, *rules: dict[str, Any], clear: bool = False, release: bool = False) -> dict[str, Any]:
        """Add rules (after taking out all, with ``clear``), let go who is kept waiting; returns the counts."""
        return self._ask({"rules": rules, "clear": clear, "release": release})

    def counts(self) -> dict[str, Any]:
        return self._ask({})

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        self._words.write(json.dumps(order).encode() + b"\n")
        self._words.flush()
        answer: dict[str, Any] = json.loads(self._words.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer


@contextmanager
def sink(
    *arguments: str, log: Path | None = None, keep: Path | None = None, module: str = "tests.support.smtp_sink"
) -> Iterator[Sink]:
    """A server of one's own, with more arguments as on the command line; ends with the caller, even if that is killed."""
    command = [sys.executable, "-m", module, "--leash", *arguments]
    for name, path in (("--log", log), ("--keep", keep)):
        command += [name, str(path)] if path else []
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout is not None
        where = json.loads(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", where["control"]), timeout=PATIENCE) as control:
            yield Sink(process, where["port"], where["control"], control.makefile("rwb"))
    finally:
        process.terminate()
        process.communicate()


@dataclass(frozen=True, slots=True)
class Taken:
    """A line of the log."""

    at: float  # seconds of time.time()
    message_id: str
    recipients: list[str]


def read_log(log: Path) -> list[Taken]:
    """Every mail that was taken, in order, whatever became of the sink since; a line cut short is left out."""
    lines = (line.split() for line in log.read_text().splitlines(True) if line.endswith("\n"))
    return [Taken(float(at), name, recipients) for at, name, *recipients in lines]


def arguments(module: str, what: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=what.partition("\n")[0])
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--log", type=Path, help="append a line for each mail: seconds, Message-ID, recipients")
    parser.add_argument("--keep", type=Path, help="folder for the mails themselves, 0000001 and so on")
    parser.add_argument("--keep-most", type=int, default=1_000_000, help="keep only the first so many")
    parser.add_argument("--leash", action="store_true", help="end when standard input closes")
    return parser


def serve(kind: type[Server], given: argparse.Namespace, **options: Any) -> None:
    if given.keep:
        given.keep.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = kind(port=given.port, log=given.log, keep=given.keep, keep_most=given.keep_most, **options)
    print(json.dumps({"port": server.port, "control": server.control}), flush=True)
    with suppress(KeyboardInterrupt):
        server.run(leash=given.leash)


def main() -> None:
    parser = arguments("tests.support.smtp_sink", __doc__ or "")
    parser.add_argument("--without", action="append", default=[], metavar="WORD", help="PIPELINING or 8BITMIME")
    parser.add_argument("--offer", action="append", default=[], metavar="WORDS", help="such as 'AUTH PLAIN'")
    parser.add_argument(
        "--limit", nargs=2, type=float, metavar=("MAILS", "SECONDS"), help="refuse more mails than this in such a time"
    )
    parser.add_argument(
        "--tell", nargs=2, metavar=("CONTROL", "JSON"), help="say this to a running one; prints its counts"
    )
    given = parser.parse_args()
    if given.tell:
        with socket.create_connection(("127.0.0.1", int(given.tell[0])), timeout=PATIENCE) as control:
            control.sendall(given.tell[1].encode() + b"\n")
            print(control.makefile().readline(), end="")
        return
    limit = (int(given.limit[0]), given.limit[1]) if given.limit else None
    serve(Smtp, given, without=given.without, offer=given.offer, limit=limit)


if __name__ == "__main__":
    main()
