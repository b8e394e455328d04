"""Clients that send their requests slowly keep nobody else waiting, without a proxy too."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path

import requests

from tests.support.running_service import web_alone
from tests.support.services import Installation, free_port

SLOW = 200  # connections; ten times the threads that compute pages would do


def test_pages_are_answered_while_many_clients_have_sent_half_a_request(tmp_path: Path) -> None:
    installation = Installation.at(tmp_path, BROADSHEET_MODE="sample")
    installation.prepare()
    with web_alone(installation, port=free_port()) as service, ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port), timeout=30)) for _ in range(SLOW)
        ]
        for client in slow:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Half: ")
        for page in ("/", "/subscribe", "/"):
            assert requests.get(f"{service.url}{page}", timeout=30).status_code == 200
            # a silent connection would be closed after half a minute
            for client in slow:
                client.sendall(b"a")
        # none of them was turned away: each gets its page once its request is whole
        for client in slow[:: SLOW // 4]:
            client.sendall(b"a\r\nConnection: close\r\n\r\n")
            assert client.makefile("rb").readline().split()[1] == b"200"
        service.process.terminate()
        assert service.process.wait(30) == 0


def test_two_web_processes_share_a_port(tmp_path: Path) -> None:
    installation = Installation.at(tmp_path, BROADSHEET_MODE="sample")
    installation.prepare()
    port = free_port()
    with web_alone(installation, port=port) as one, web_alone(installation, port=port) as other:
        one.process.terminate()
        assert one.process.wait(30) == 0
        assert requests.get(f"{other.url}/", timeout=30).status_code == 200
