from __future__ import annotations

import socket

from digest.ingest.sources.connectivity import reachable_hosts


def test_only_hosts_that_take_a_connection_are_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert reachable_hosts(["127.0.0.1", "127.0.0.2"], port=port, seconds=2) == ["127.0.0.1"]


def test_a_name_that_nobody_knows_is_not_reached() -> None:
    assert reachable_hosts(["nowhere.invalid"], seconds=0.5) == []
