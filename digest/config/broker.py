"""Celery's broker of files, for houses without Redis: kombu's own, but a message is there whole or not at all."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import filesystem
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
