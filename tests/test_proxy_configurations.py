"""The configurations for nginx and Caddy: accepted by their own programs, and what a request brings through each."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.test import RequestFactory

from subscriptions.rate_limits import ip_of
from tests.support.paths import ROOT
from tests.support.services import free_port, missing

pytestmark = pytest.mark.service
NAME = "digest.example.org"
DEPLOY = ROOT / "deploy"
MEGABYTE = 1 << 20


def program(name: str) -> str:
    """Return the path of a web server; NGINX_PATH and CADDY_PATH name one that is not installed."""
    found = shutil.which(os.environ.get(f"{name.upper()}_PATH", name)) or shutil.which(f"/usr/sbin/{name}")
    if found is None:
        missing(f"no {name}: install Debian's package, or set {name.upper()}_PATH to its path")
    return found


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers of the request and the length of its body."""

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.dumps({**self.headers, "read": len(self.rfile.read(length))}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture
def echo() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    found, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"]
    if shutil.which("openssl") is None:
        missing("no openssl")
    subprocess.run(
        [*command, "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", str(key), "-out", str(found)],
        check=True,
        capture_output=True,
    )
    return found, key


def nginx(folder: Path, certificate: tuple[Path, Path], ports: tuple[int, int, int]) -> list[str]:
    """Write the configuration for a trial and return the command that takes it."""
    plain, secure, behind = ports
    text = (DEPLOY / "nginx.conf").read_text()
    text = re.sub(
        r"listen (\[::\]:)?(80|443)",
        lambda m: f"listen {m[1] or '127.0.0.1:'}{plain if m[2] == '80' else secure}",
        text,
    )
    text = text.replace("listen [::]", "listen [::1]").replace("127.0.0.1:8000", f"127.0.0.1:{behind}")
    text = re.sub(r"/etc/letsencrypt/\S+fullchain.pem", str(certificate[0]), text)
    text = re.sub(r"/etc/letsencrypt/\S+privkey.pem", str(certificate[1]), text).replace("/var/log/nginx", str(folder))
    for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        text += f"{name}_temp_path {folder}/{name};\n"
    (folder / "site.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; events {{}} http {{ include {folder}/site.conf; }}"
    )
    return [program("nginx"), "-e", f"{folder}/first.log", "-c", f"{folder}/nginx.conf"]


def caddy(folder: Path, certificate: tuple[Path, Path], ports: tuple[int, int, int]) -> list[str]:
    plain, secure, behind = ports
    text = (DEPLOY / "Caddyfile").read_text().replace("127.0.0.1:8000", f"127.0.0.1:{behind}")
    text = text.replace(f"\n{NAME} {{\n", f"\n{NAME} {{\n\ttls {certificate[0]} {certificate[1]}\n")
    options = f"{{\n\tadmin off\n\thttp_port {plain}\n\thttps_port {secure}\n\tstorage file_system {folder}\n}}\n"
    (folder / "Caddyfile").write_text(options + text)
    return [program("caddy"), "run", "--config", f"{folder}/Caddyfile", "--adapter", "caddyfile"]


@pytest.fixture(params=[nginx, caddy], ids=["nginx", "caddy"])
def write(request: pytest.FixtureRequest) -> Callable[..., list[str]]:
    return request.param


@pytest.fixture
def proxy(
    write: Callable[..., list[str]], tmp_path: Path, certificate: tuple[Path, Path], echo: int
) -> Iterator[tuple[int, int]]:
    """The proxy in front of the echo: its ports for HTTP and for HTTPS."""
    ports = free_port(), free_port()
    with running(write(tmp_path, certificate, (*ports, echo)), ports[1]):
        yield ports


@contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        deadline = time.monotonic() + 20
        while not is_open(port):
            assert process.poll() is None, process.stdout and process.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=20)


def is_open(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def ask(port: int, method: str = "GET", path: str = "/", body: bytes = b"", **headers: str) -> tuple[int, str]:
    """Return status and body, over TLS with the name of the site."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname=NAME)
    connection.request(
        method, path, body, {"Host": NAME, **{key.replace("_", "-"): value for key, value in headers.items()}}
    )
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_the_program_itself_accepts_the_configuration(
    write: Callable[..., list[str]], tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    command = write(tmp_path, certificate, (free_port(), free_port(), free_port()))
    check = [*command, "-t"] if write is nginx else [command[0], "validate", *command[2:]]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


def test_caddy_finds_its_file_formatted() -> None:
    done = subprocess.run(
        [program("caddy"), "fmt", str(DEPLOY / "Caddyfile")], capture_output=True, text=True, check=True
    )
    assert done.stdout == (DEPLOY / "Caddyfile").read_text()


def test_a_visitor_cannot_invent_their_address_or_https(proxy: tuple[int, int], settings: object) -> None:
    """With PROXIES=1, as both files say."""
    settings.PROXIES = 1
    status, said = ask(proxy[1], X_Forwarded_For="198.51.100.7, 203.0.113.9", X_Forwarded_Proto="gopher")
    assert status == 200
    seen = json.loads(said)
    request = RequestFactory().get("/", headers={"X-Forwarded-For": seen["X-Forwarded-For"]})
    assert ip_of(request) == "127.0.0.1"
    assert seen["X-Forwarded-Proto"] == "https"
    assert seen["Host"] == NAME


def test_a_body_of_21_mb_passes_and_a_larger_one_is_refused(proxy: tuple[int, int]) -> None:
    status, said = ask(proxy[1], "POST", body=b"x" * (20 * MEGABYTE))
    assert (status, json.loads(said)["read"]) == (200, 20 * MEGABYTE)
    try:
        status, _said = ask(proxy[1], "POST", body=b"x" * (22 * MEGABYTE))
    except ConnectionError:  # refused before all of it was sent
        return
    assert status in (413, 502)


def test_http_leads_to_https(proxy: tuple[int, int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy[0], timeout=20)
    connection.request("GET", "/topics/?page=2", headers={"Host": NAME})
    answer = connection.getresponse()
    assert answer.status in (301, 308)
    assert re.fullmatch(rf"https://{NAME}(:\d+)?/topics/\?page=2", answer.headers["Location"])


def test_a_token_is_in_no_log(proxy: tuple[int, int], tmp_path: Path) -> None:
    for path in ("/topics/", "/u/secret-token", "/f/secret-token/3/more", "//u/secret-token"):
        ask(proxy[1], path=path)
    logs = "".join(path.read_text() for path in tmp_path.glob("*.log"))
    assert "secret-token" not in logs
    assert "/topics/" in logs or not logs  # what has no token is logged, if anything is
