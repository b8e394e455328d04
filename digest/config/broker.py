"""Celery's brokers: kombu's file and Redis transports, each with one fix.

Files, for installations without Redis: messages are written atomically. Redis: a worker survives the loss of Redis in
the middle of a task.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import filesystem, redis
from kombu.utils.json import dumps

SCHEME = "wholefiles"  # of the broker's URL


class Channel(filesystem.Channel):
    # kombu has no types, and its mixins declare other arguments
    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Write to a temporary file and rename it: kombu writes in place, and half a message kills a worker."""
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
    """A channel that can be used without a connection, as by a task that ends after Redis was lost.

    kombu's raises an AttributeError, which ends the worker; a ConnectionError is handled.
    """

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        # Without a connection the message is lost, and the database has the result.
        if self._is_there():
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
