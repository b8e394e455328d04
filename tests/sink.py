"""An SMTP server that takes every mail and keeps count, as a process of its own; it can be told to misbehave.

``python -m tests.sink --port 0 --log mails.log`` prints ``{"port": ..., "control": ...}``: where mail goes, and where it
is told things, one JSON object a line (``python -m tests.sink --tell CONTROL '{"rules": [...]}'``). Each answer is the
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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parent.parent
# Where it can misbehave: at the greeting, in its answers to commands, when a mail's content begins to come, and after
# the final dot.
STAGES = ("greeting", "ehlo", "mail", "rcpt", "data", "content", "end")
END = b"\r\n.\r\n"
MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^>\r\n]*>)", re.IGNORECASE | re.MULTILINE)
HEAD = 16_384  # octets among which a Message-ID is looked for
PATIENCE = 60.0


# --- what it can be told ---------------------------------------------------------------------------------------------


@dataclass
class Rule:
    """One way to misbehave at one stage: for the next few, or for a share of all; for ever without either.

    ``refuse`` answers ``code`` and ``text`` instead. ``stall`` waits so many ``seconds``, or until released; at the end
    the mail is taken before the wait. ``cut`` closes the connection; at the end, ``taken`` says whether the mail counts.
    ``to`` narrows it to recipients that contain it, where there is a recipient yet.
    """

    do: str
    at: str
    code: int = 451
    text: str = "4.3.0 Try again later"
    seconds: float | None = None
    taken: bool = True
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
        self._draw = random.Random(self.seed)  # noqa: S311 (a seeded choice, no secret)

    def strikes(self, recipients: Sequence[bytes]) -> bool:
        if self.next == 0 or (self.to and not any(self.to.encode() in one for one in recipients)):
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


# --- the server ------------------------------------------------------------------------------------------------------


class Client:
    """A connection: what came and was not read yet, what is to be answered, and the mail under way."""

    __slots__ = ("answer", "held", "held_at", "in_content", "input", "looked", "recipients", "socket", "stage")

    def __init__(self, socket: socket.socket) -> None:
        self.socket = socket
        self.input, self.answer = bytearray(), bytearray()
        self.recipients: list[bytes] = []
        self.in_content = False
        self.looked = 0  # so far the content's end was looked for
        self.held = False  # it is kept waiting: nothing more is read of what came
        self.held_at = ""
        self.stage = b""  # what is answered when the wait is over


class Server:
    def __init__(
        self, *, port: int, log: IO[bytes] | None, keep: Path | None, keep_most: int, words: list[str]
    ) -> None:
        self._log, self._keep, self._keep_most = log, keep, keep_most
        self._ehlo = "".join(f"250-{word}\r\n" for word in ["sink.example", *words]).encode() + b"250 SIZE 52428800\r\n"
        self._rules: list[Rule] = []
        self._waits: list[tuple[float | None, Client]] = []
        self._clients: dict[int, Client] = {}
        self._controls: dict[int, tuple[socket.socket, bytearray]] = {}
        self._epoll = select.epoll()
        self._mail, self._control = (socket.create_server(("127.0.0.1", at), backlog=1024) for at in (port, 0))
        for listening in (self._mail, self._control):
            listening.setblocking(False)
            self._epoll.register(listening, select.EPOLLIN)
        self._view = memoryview(bytearray(1 << 20))
        self.port, self.control = self._mail.getsockname()[1], self._control.getsockname()[1]
        self.ids: Counter[bytes] = Counter()
        self.recipients: Counter[bytes] = Counter()
        self.struck: Counter[str] = Counter()
        self.mails = self.octets = self.connections = 0
        self.first = self.last = 0.0

    # --- the loop

    def run(self, *, leash: bool) -> None:
        """Serve until told to end; with a ``leash``, also when standard input closes, as when a parent dies."""
        if leash:
            self._epoll.register(0, select.EPOLLIN | select.EPOLLHUP)
        mail, control = self._mail.fileno(), self._control.fileno()
        while True:
            for number, _ in self._epoll.poll(self._until_next()):
                if client := self._clients.get(number):
                    self._read(client)
                elif number == mail:
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
            accepted = self._mail.accept()[0]
        except OSError:  # gone again
            return
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(accepted)
        self._clients[accepted.fileno()] = client
        self._epoll.register(accepted, select.EPOLLIN)
        self.connections += 1
        self._reply(client, "greeting", b"220 sink.example ESMTP\r\n")
        self._flush(client)

    def _read(self, client: Client) -> None:
        try:
            size = client.socket.recv_into(self._view)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if not size:
            self._drop(client)
            return
        client.input += self._view[:size]
        self._advance(client)

    def _advance(self, client: Client) -> None:
        while client.input and not client.held and client.socket.fileno() >= 0:
            if not (self._content(client) if client.in_content else self._command(client)):
                break
        self._flush(client)

    def _flush(self, client: Client) -> None:
        if client.answer and client.socket.fileno() >= 0:
            with suppress(OSError):  # one that reads no answers misses them
                client.socket.send(client.answer)
            client.answer.clear()

    def _drop(self, client: Client) -> None:
        if client.socket.fileno() >= 0:
            self._clients.pop(client.socket.fileno(), None)
            client.socket.close()
        self._waits = [(until, one) for until, one in self._waits if one is not client]

    # --- SMTP

    def _command(self, client: Client) -> bool:
        end = client.input.find(b"\n")
        if end < 0:
            return False
        line = bytes(client.input[: end + 1]).strip()
        del client.input[: end + 1]
        verb = line[:4].upper()
        if verb == b"MAIL":
            client.recipients = []
            self._reply(client, "mail", b"250 2.1.0 Ok\r\n")
        elif verb == b"RCPT":
            address = line.partition(b"<")[2].partition(b">")[0]
            client.recipients.append(address)
            if not self._reply(client, "rcpt", b"250 2.1.5 Ok\r\n"):
                client.recipients.remove(address)
        elif verb == b"DATA":
            if not client.recipients:
                client.answer += b"554 5.5.1 No valid recipients\r\n"
            elif self._reply(client, "data", b"354 End data with a dot\r\n"):
                client.in_content, client.looked = True, -1
        elif verb in (b"EHLO", b"HELO"):
            self._reply(client, "ehlo", self._ehlo if verb == b"EHLO" else b"250 sink.example\r\n")
        elif verb == b"RSET":
            client.recipients = []
            client.answer += b"250 2.0.0 Ok\r\n"
        elif verb == b"NOOP":
            client.answer += b"250 2.0.0 Ok\r\n"
        elif verb == b"QUIT":
            client.answer += b"221 2.0.0 Bye\r\n"
            self._flush(client)
            self._drop(client)
        else:
            client.answer += b"502 5.5.2 Not known here\r\n"
        return True

    def _content(self, client: Client) -> bool:
        """Look for the end of the mail's content; whether it was there."""
        if client.looked < 0:
            client.looked = 0
            if self._rules and not self._reply(client, "content", b""):
                return False
            if client.held:
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
        rule = self._struck("end", client)
        if rule is None or rule.do == "stall" or (rule.do == "cut" and rule.taken):
            self._take(client.recipients, content, size)
        del content[:rest]
        self._reply(client, "end", b"250 2.0.0 Taken\r\n", rule)
        return True

    def _take(self, recipients: list[bytes], content: bytearray, size: int) -> None:
        now = time.time()
        found = MESSAGE_ID.search(content, 0, min(size, HEAD))
        name = found[1] if found else b"-"
        self.ids[name] += 1
        self.recipients.update(recipients)
        self.mails += 1
        self.octets += size
        self.first = self.first or now
        self.last = now
        if self._log:
            self._log.write(b"%.6f %s %s\n" % (now, name, b" ".join(recipients)))
        if self._keep and self.mails <= self._keep_most:
            whole = content[:size].replace(b"\r\n..", b"\r\n.").removeprefix(b".")
            (self._keep / f"{self.mails:07}.eml").write_bytes(whole)

    # --- misbehaving

    def _struck(self, stage: str, client: Client) -> Rule | None:
        for rule in self._rules:
            if rule.at == stage and rule.strikes(client.recipients):
                self.struck[f"{rule.do} {stage}"] += 1
                return rule
        return None

    def _reply(self, client: Client, stage: str, normal: bytes, rule: Rule | None = None) -> bool:
        """Answer, or misbehave as told; whether the client may go on."""
        if self._rules and stage != "end":
            rule = self._struck(stage, client)
        if rule is None:
            client.answer += normal
            return True
        if rule.do == "stall":
            self._flush(client)
            client.held, client.held_at, client.stage = True, stage, normal
            self._waits.append((None if rule.seconds is None else time.monotonic() + rule.seconds, client))
            return True
        if rule.do == "refuse":
            client.answer += f"{rule.code} {rule.text}\r\n".encode()
            if rule.code != 421:
                return False
        self._flush(client)
        self._drop(client)
        return False

    def _go_on(self, client: Client) -> None:
        self._waits = [(until, one) for until, one in self._waits if one is not client]
        client.held, client.held_at = False, ""
        client.answer += client.stage
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
        if order.get("clear"):
            self._rules = []
        self._rules += [Rule(**rule) for rule in order.get("rules", [])]
        if order.get("release"):
            for _, client in list(self._waits):
                self._go_on(client)
        return self.counts()

    def counts(self) -> dict[str, Any]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "mails": self.mails,
            "message_ids": len(self.ids),
            "ids_twice": sorted(name.decode() for name, count in self.ids.items() if count > 1),
            "recipients": len(self.recipients),
            "recipients_twice": sorted(one.decode() for one, count in self.recipients.items() if count > 1),
            "octets": self.octets,
            "first": self.first,  # seconds of time.time()
            "last": self.last,
            "connections": self.connections,
            "open": len(self._clients),
            "stalled": Counter(client.held_at for _, client in self._waits),
            "struck": self.struck,  # how often which rule was followed
            "cpu": used.ru_utime + used.ru_stime,
        }


# --- from Python -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sink:
    """A running server: where mail goes, and the connection over which it is told things."""

    process: subprocess.Popen[bytes]
    port: int
    control: int
    _words: Any  # the control connection as a file

    @property
    def url(self) -> str:
        """What SMTP_URL says."""
        return f"smtp://127.0.0.1:{self.port}"

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
    *,
    port: int = 0,
    log: Path | None = None,
    keep: Path | None = None,
    keep_most: int = 1_000_000,
    without: Sequence[str] = (),
) -> Iterator[Sink]:
    """A server of one's own; ends with the caller, even if that is killed. ``without`` are words of EHLO not to say."""
    command = [sys.executable, "-m", "tests.sink", "--leash", "--port", str(port), "--keep-most", str(keep_most)]
    for name, path in (("--log", log), ("--keep", keep)):
        command += [name, str(path)] if path else []
    for word in without:
        command += ["--without", word]
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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.sink", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--log", type=Path, help="append a line for each mail: seconds, Message-ID, recipients")
    parser.add_argument("--keep", type=Path, help="folder for the mails themselves, 0000001.eml and so on")
    parser.add_argument("--keep-most", type=int, default=1_000_000, help="keep only the first so many")
    parser.add_argument("--without", action="append", default=[], metavar="WORD", help="PIPELINING or 8BITMIME")
    parser.add_argument("--leash", action="store_true", help="end when standard input closes")
    parser.add_argument(
        "--tell", nargs=2, metavar=("CONTROL", "JSON"), help="say this to a running sink, print its counts"
    )
    given = parser.parse_args()
    if given.tell:
        with socket.create_connection(("127.0.0.1", int(given.tell[0])), timeout=PATIENCE) as control:
            control.sendall(given.tell[1].encode() + b"\n")
            print(control.makefile().readline(), end="")  # noqa: T201
        return
    if given.keep:
        given.keep.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    words = [word for word in ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES") if word not in given.without]
    log = given.log.open("ab", buffering=0) if given.log else None  # no line is lost when it is killed
    server = Server(port=given.port, log=log, keep=given.keep, keep_most=given.keep_most, words=words)
    print(json.dumps({"port": server.port, "control": server.control}), flush=True)  # noqa: T201
    with suppress(KeyboardInterrupt):
        server.run(leash=given.leash)


if __name__ == "__main__":
    main()
