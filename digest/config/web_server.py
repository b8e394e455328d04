"""Serve the web pages: ``python -m digest.config.web_server [--bind HOST:PORT]``.

Waitress reads requests and writes answers in one thread by itself and hands only whole requests to the threads that
compute pages, so that clients which send slowly keep nobody else waiting, without a proxy too. Several of these
processes may listen on one port, and the system shares the visitors out among them.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Sequence
from importlib import import_module
from types import FrameType

import waitress

from digest.config.garbage import leave_out_loaded

THREADS = 12  # of which expensive pages take at most eight (digest/web/expensive.py)
MAX_HEADERS = 16 * 1024  # bytes; the address of a preview has all choices
MAX_BODY = 21 * 1024 * 1024  # bytes; forms are refused over much less, by subscriptions.web.request_size
CONNECTIONS = 1000
SILENCE = 30  # seconds without a byte, after which a connection is closed


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m digest.config.web_server", description=__doc__.partition("\n")[0])
    # as Procfile hosts have it: PORT names the port, and then all interfaces are meant
    port = os.environ.get("PORT")
    default = f"0.0.0.0:{port}" if port else "127.0.0.1:8000"
    parser.add_argument("--bind", default=default, metavar="HOST:PORT", help="where to listen (%(default)s)")
    host, _, number = parser.parse_args(arguments).bind.rpartition(":")
    serve(host.strip("[]"), int(number))


def serve(host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; requests that are being answered are finished first."""
    listening = listen(host, port)
    # loaded here, so that a port in use is told without waiting for it
    from digest.config.wsgi import application

    # here and not by the first request, while another thread imports the same modules: Python would give it half of one
    import_module("digest.config.urls")
    import_module("digest.preview.visitor")
    leave_out_loaded(10_000, 10, 10)
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=keep_previews_warm, daemon=True).start()
    server = waitress.create_server(
        application,
        sockets=[listening],
        threads=THREADS,
        connection_limit=CONNECTIONS,
        channel_timeout=SILENCE,
        max_request_header_size=MAX_HEADERS,
        max_request_body_size=MAX_BODY,
        # select() knows no more than 1,024 files
        asyncore_use_poll=True,
        # PROXIES and the settings of Django say which of these headers count
        clear_untrusted_proxy_headers=False,
        ident="",
    )
    print("ready", flush=True)  # noqa: T201 (for the starting process)
    server.run()


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there, and lets other processes of this user listen there too."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listening.bind((host, port))
    return listening


def keep_previews_warm() -> None:
    """Load the papers of previews before the first visitor, and those of a new edition within a minute."""
    from django.db import connections
    from django.utils import timezone

    from digest.preview.visitor import warm

    while True:
        try:
            warm(timezone.now())
        except Exception as error:  # the database may be down or not created yet
            logging.getLogger(__name__).warning("Previews could not be loaded (%s).", type(error).__name__)
        finally:
            connections.close_all()
        time.sleep(60)


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    main()
