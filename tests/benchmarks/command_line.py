"""What the parts of ``./run bench`` share: their options, refusals, results, and where they print."""

from __future__ import annotations

import argparse
import os
import platform
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.progress import Progress, ProgressColumn, TaskID

from tests.support.recorded_data import recorded_data


class Refused(Exception):
    """Raised before any work begins; the message is one sentence without its full stop."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a part measured, as JSON can hold it, and in one sentence why it is not accepted."""

    figures: dict[str, Any]
    why_not: str = ""


class Parser(argparse.ArgumentParser):
    """A parser that raises Refused, with its usage in the same line."""

    def error(self, message: str) -> NoReturn:
        raise Refused(f"{message}; {' '.join(self.format_usage().split())}")


def add_data_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="the recorded data (default: BROADSHEET_DATA, else ../shared/data)"
    )


def find_data(given: Path | None) -> Path:
    """Return the folder of recorded data. Raises Refused where it is absent."""
    folder = given or recorded_data()
    if not folder.is_dir():
        raise Refused(f"there is no recorded data at {folder}: give its folder by --data DIR or BROADSHEET_DATA")
    return folder


def refuse_unwritable(file: Path) -> None:
    """Raise Refused unless a file of that name can be written."""
    if not file.parent.is_dir():
        raise Refused(f"--json {file}: there is no folder {file.parent}")
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise Refused(f"--json {file}: no file can be written there")


def console() -> Console:
    """Return a console that breaks no line where nobody watches."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(highlight=False, width=140)


def progress(*columns: ProgressColumn) -> Progress:
    """Return bars for standard error; where no terminal shows them, a line now and then says how far it is."""
    watched = Console(stderr=True)
    if watched.is_terminal:
        return Progress(*columns, console=watched, transient=True)
    return _Lines(console=watched, disable=True)


class _Lines(Progress):
    """Progress in lines, at most one in each EVERY seconds."""

    EVERY = 10.0

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._began = self._said = time.monotonic()

    def update(self, task_id: TaskID, **changes: Any) -> None:
        super().update(task_id, **changes)
        self._say(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        super().advance(task_id, advance)
        self._say(task_id)

    def _say(self, task_id: TaskID) -> None:
        now = time.monotonic()
        if now - self._said < self.EVERY:
            return
        self._said = now
        task = self._tasks[task_id]
        done = f", {task.completed:.0f} of {task.total:.0f} steps" if task.total else ""
        self.console.print(f"{now - self._began:4.0f} s: {task.description}{done}", markup=False, highlight=False)


def machine() -> dict[str, Any]:
    """Describe the machine and the moment that figures belong to."""
    found = Path("/proc/cpuinfo")
    lines = found.read_text().splitlines() if found.exists() else []
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "processor": models[0] if models else platform.processor(),
        "load": os.getloadavg(),
    }
