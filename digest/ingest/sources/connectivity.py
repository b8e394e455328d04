"""Test whether any of the sources' hosts can be reached, within three seconds; needs no set-up.

``python -m digest.ingest.sources.connectivity`` exits with 0 when any host answered, else with 1; ``./run digest`` asks
it which day to read.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Sequence

HOSTS = ("rss.arxiv.org", "export.arxiv.org", "huggingface.co", "connect.biorxiv.org")
SECONDS = 3.0


def reachable_hosts(hosts: Sequence[str] = HOSTS, *, port: int = 443, seconds: float = SECONDS) -> list[str]:
    """Return the hosts that take a connection within ``seconds``, in the order given."""
    answered: set[str] = set()

    def connect(host: str) -> None:
        try:
            with socket.create_connection((host, port), timeout=seconds):
                answered.add(host)
        except OSError:
            pass

    # daemons, since looking up a name has no time-out of its own and must not hold up the end
    threads = [threading.Thread(target=connect, args=(host,), daemon=True) for host in hosts]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return [host for host in hosts if host in answered]


if __name__ == "__main__":
    try:
        sys.exit(0 if reachable_hosts() else 1)
    except KeyboardInterrupt:
        sys.exit(130)
