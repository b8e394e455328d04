"""A contender is a process of its own on one core, told what to do line by line, so that all can take turns."""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import django

from tests.support.services import ROOT

CORE = "BENCH_CORE"  # the variable that says which


def a_core() -> int:
    """The one that all contenders take: the last that this process may use."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


class Contender:
    """A module whose ``questions(*arguments)`` maps what it may be asked to functions that answer with JSON."""

    def __init__(self, module: str, *arguments: str, environment: Mapping[str, str]) -> None:
        self.name = arguments[0] if arguments else module
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, module, *arguments],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Contender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.communicate()

    def ask(self, what: str, **values: Any) -> dict[str, Any]:
        """Raises RuntimeError where the process ended instead; it has said why on standard error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps([what, values]) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RuntimeError(f"{self.name} ended before it answered to {what}.")
        answer: dict[str, Any] = json.loads(line)
        return answer


Questions = Mapping[str, Callable[..., dict[str, Any]]]


def answer(module: str, *arguments: str) -> None:
    """The other side of it: with Django set up, answer until nobody asks any more."""
    stay_on_one_core()
    django.setup()
    importlib.import_module("digest.config.celery").collect_garbage_seldom()  # as in a worker, for all of them
    questions: Questions = importlib.import_module(module).questions(*arguments)
    for line in sys.stdin:
        what, values = json.loads(line)
        sys.stdout.write(json.dumps(questions[what](**values)) + "\n")
        sys.stdout.flush()


def stay_on_one_core() -> None:
    """To be called before numpy is there, which else takes a thread for each core."""
    if (core := os.environ.get(CORE)) and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core)})


@dataclass(slots=True)
class Stopwatch:
    """CPU seconds of this process, and seconds on the wall, while it runs."""

    cpu: float = 0.0
    wall: float = 0.0
    _began: tuple[float, float] = (0.0, 0.0)

    def __enter__(self) -> Stopwatch:
        self._began = (time.process_time(), time.perf_counter())
        return self

    def __exit__(self, *raised: object) -> None:
        cpu, wall = self._began
        self.cpu, self.wall = self.cpu + time.process_time() - cpu, self.wall + time.perf_counter() - wall


def forget_peak() -> None:
    """Count the peak from now on, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_megabytes() -> float:
    """The most memory this process held; ``ru_maxrss`` alone would count what its parent held when it forked."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)


if __name__ == "__main__":
    answer(*sys.argv[1:])
