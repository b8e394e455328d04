"""The broker of files: a message is there whole, or not at all."""

from __future__ import annotations

import threading
from pathlib import Path

from kombu import Connection, Queue

from digest.config.broker import Transport

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
