"""The brokers: a message in a file is there whole or not at all, and a lost Redis ends no worker."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest
from kombu import Connection, Queue
from kombu.common import ignore_errors

from digest.config.broker import RedisTransport, Transport
from tests.support.services import free_port, redis_server

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


@pytest.mark.service
def test_a_task_that_ends_after_redis_was_lost_does_not_end_its_worker() -> None:
    with redis_server(free_port()) as url, Connection(url, transport=RedisTransport) as connection:
        queue = connection.SimpleQueue("digests")
        queue.put({})
        message, errors = queue.get(timeout=5), connection.connection_errors
        message.channel._disconnect_pools()  # what a worker leaves of a connection that it found broken
        connection.transport.client = None
        ignore_errors(connection, message.channel.close)
        message.ack_log_error(logger, errors)  # the task is done
        assert message.acknowledged
        with pytest.raises(errors):
            message.channel._create_client()
