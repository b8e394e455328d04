"""The brokers: a message in a file is there whole or not at all, and a lost Redis ends no worker."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from pathlib import Path

from kombu import Connection, Queue
from kombu.common import ignore_errors

from digest.config.broker import RedisTransport, Transport
from tests.services import free_port, redis_server

logger = logging.getLogger(__name__)
LARGE = 40_000_000  # so that writing it takes a while


def test_nobody_ever_meets_half_a_message(tmp_path: Path) -> None:
    waiting, control = tmp_path / "waiting", tmp_path / "control"
    waiting.mkdir()
    control.mkdir()
    options = {"data_folder_in": str(waiting), "data_folder_out": str(waiting), "control_folder": str(control)}
    sizes: set[int] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            sizes.update(path.stat().st_size for path in waiting.glob("*.msg"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    with (
        Connection(transport=Transport, transport_options=options) as ours,
        ours.SimpleQueue(Queue("ticks", routing_key="ticks")) as queue,
    ):
        queue.put({"filling": "x" * LARGE})
        while not sizes:
            pass
        done.set()
        watcher.join()
        assert min(sizes) > LARGE
        message = queue.get(timeout=5)
        assert len(message.payload["filling"]) == LARGE
        message.ack()
    assert list(waiting.iterdir()) == []


def test_a_task_that_ends_after_redis_was_lost_does_not_end_its_worker() -> None:
    with redis_server(free_port()) as url:
        connection = Connection(url, transport=RedisTransport)
        queue = connection.SimpleQueue("digests")
        queue.put({})
        message = queue.get(timeout=5)
    with suppress(connection.connection_errors):  # a worker lets go of it so, with the message in hand
        connection.collect(socket_timeout=1)
    ignore_errors(connection, connection.close)
    message.ack_log_error(logger, connection.connection_errors)  # the task is done
    assert message.acknowledged
