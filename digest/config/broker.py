"""Celery's brokers, each kombu's own with one fault less.

Of files, for houses without Redis: a message is there whole or not at all. Redis: a worker outlives its loss in the
middle of a task.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import filesystem, redis
from kombu.utils.json import dumps

SCHEME = "wholefiles"  # of its address


class Channel(filesystem.Channel):
    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Write beside and rename: kombu writes in place, and a worker that takes half a message dies of it."""
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        folder = Path(self.data_folder_out)
        draft = folder / f".{name}.part"
        try:
            draft.write_text(dumps(payload))
            draft.rename(folder / name)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise ChannelError(f"The message cannot be written: {error.strerror}") from error


class Transport(filesystem.Transport):
    Channel = Channel


class RedisChannel(redis.Channel):
    """One that may be asked something when its connection is gone, as a task does that ends after Redis was lost.

    kombu answers with an AttributeError, of which the worker dies; a connection that is lost it knows how to deal with.
    """

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        if self._is_there():  # else the message went with the connection, and the database knows what was done
            super().basic_ack(delivery_tag, multiple)

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        if not self._is_there():
            raise ConnectionError("The connection to Redis is gone.")
        parameters: dict[str, Any] = super()._connparams(asynchronous)
        return parameters

    def _is_there(self) -> bool:
        return self.connection is not None and self.connection.client is not None


class RedisTransport(redis.Transport):
    Channel = RedisChannel
