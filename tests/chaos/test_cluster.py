"""Finding the process of a connection: one local port may have several connections, to different servers."""

import os
import socket

from tests.chaos.cluster import inode_of


def test_the_socket_is_found_by_both_ports_of_its_connection() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as first,
        socket.create_server(("127.0.0.1", 0)) as second,
        socket.socket() as one,
        socket.socket() as other,
    ):
        for client in (one, other):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", 0))
        one.connect(first.getsockname())
        other.bind(one.getsockname())
        other.connect(second.getsockname())
        local, servers = one.getsockname()[1], [server.getsockname()[1] for server in (first, second)]
        assert [inode_of(local, server) for server in servers] == [
            os.readlink(f"/proc/self/fd/{client.fileno()}") for client in (one, other)
        ]
        assert inode_of(local, local) == ""
