"""A contender is a process of its own on one core, told what to do line by line, so that all can take turns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.services import ROOT


def a_core() -> int:
    """The one that all contenders take: the last that this process may use."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


class Contender:
    """A module whose ``questions(*arguments)`` maps what it may be asked to functions that answer with JSON.

    ``python`` and ``root`` are the interpreter and the tree it runs in, by default this one's.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        environment: Mapping[str, str],
        python: str = sys.executable,
        root: Path = ROOT,
    ) -> None:
        self.name = arguments[0] if arguments else module
        self._process = subprocess.Popen(
            [python, "-m", "tests.benchmarks.driver", module, *arguments],
            cwd=root,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

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
