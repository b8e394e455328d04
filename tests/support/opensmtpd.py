"""A real mail server on this machine that signs with DKIM and keeps what it takes: OpenSMTPD, as Debian has it."""

from __future__ import annotations

import base64
import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.services import free_port, missing

FILTER = Path("/usr/libexec/opensmtpd/filter-dkimsign")
SELECTOR = "s1"
SIGNED = (  # as docs/operators.md asks for
    "from:to:subject:date:message-id:mime-version:content-type:auto-submitted:list-id:list-unsubscribe:"
    "list-unsubscribe-post:list-help:list-owner:list-archive:list-post:feedback-id"
)
# Every address ends in the one Maildir: nothing can leave this machine.
CONFIGURATION = """
filter "dkim" proc-exec "{filter} -c relaxed/relaxed -d {domain} -s {selector} -k {folder}/key.pem -h {signed}" user nobody group nogroup
table everyone {{ "@" = "nobody" }}
listen on 127.0.0.1 port {port} hostname mx.{domain} filter "dkim"
action "keep" maildir "{folder}/Maildir" virtual <everyone>
match from any for any action "keep"
"""


@dataclass(frozen=True, slots=True)
class SigningServer:
    """Where it listens, the domain it signs for, the DNS record of its key, and the mails it took."""

    port: int
    domain: str
    record: bytes
    folder: Path
    process: subprocess.Popen[bytes]

    def mails(self, count: int) -> list[bytes]:
        """So many mails with CRLF line ends, as they were signed; waits until they are there."""
        while len(arrived := sorted(self.folder.glob("Maildir/new/*"))) < count:
            assert self.process.poll() is None, self.log()
            time.sleep(0.05)
        return [path.read_bytes().replace(b"\n", b"\r\n") for path in arrived]

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def dns(self, name: bytes, timeout: int = 5) -> bytes | None:
        """What the domain's DNS would say."""
        return self.record if name == f"{SELECTOR}._domainkey.{self.domain}.".encode() else None


@pytest.fixture
def signing_server() -> Iterator[SigningServer]:
    """OpenSMTPD for mail.example.org. Root only, and one at a time: its spool has a fixed place."""
    if not (smtpd := shutil.which("smtpd", path=f"{os.environ['PATH']}:/usr/sbin")) or not FILTER.exists():
        missing("OpenSMTPD is not installed (Debian: apt-get install opensmtpd opensmtpd-filter-dkimsign)")
    if not (openssl := shutil.which("openssl")):
        missing("no openssl to make a key with (Debian: apt-get install openssl)")
    if os.getuid() != 0:
        missing("OpenSMTPD can be started by root only")
    with _turn(), _server(smtpd, openssl, domain="mail.example.org") as server:
        yield server


@contextmanager
def _turn() -> Iterator[None]:
    with (Path(tempfile.gettempdir()) / "broadsheet-opensmtpd.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _server(smtpd: str, openssl: str, *, domain: str) -> Iterator[SigningServer]:
    folder = Path(tempfile.mkdtemp(prefix="broadsheet-"))
    try:
        key, configuration, port = folder / "key.pem", folder / "smtpd.conf", free_port()
        _run(openssl, "genrsa", "-out", key, "2048")
        public = _run(openssl, "rsa", "-in", key, "-pubout", "-outform", "DER")
        (folder / "Maildir").mkdir()
        for path in (folder, key, folder / "Maildir"):
            shutil.chown(path, "nobody", "nogroup")
        configuration.write_text(
            CONFIGURATION.format(
                filter=FILTER, domain=domain, selector=SELECTOR, folder=folder, signed=SIGNED, port=port
            )
        )
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([smtpd, "-d", "-f", configuration], stdout=log, stderr=log, cwd="/")
        try:
            record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
            server = SigningServer(port=port, domain=domain, record=record, folder=folder, process=process)
            while not _answers(port):
                if process.poll() is not None:
                    missing(f"OpenSMTPD does not start here: {server.log()}")
                time.sleep(0.05)
            yield server
        finally:
            process.terminate()
            process.wait()
    finally:
        shutil.rmtree(folder)


def _answers(port: int) -> bool:
    with socket.socket() as dialled:
        return dialled.connect_ex(("127.0.0.1", port)) == 0


def _run(*command: object) -> bytes:
    return subprocess.run([str(word) for word in command], capture_output=True, check=True).stdout
