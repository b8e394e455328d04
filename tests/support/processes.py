"""Real processes for tests of who comes first: all begin in one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.support import forks

SET_UP = "import django; django.setup()\n"


def start(script: str, *arguments: str, environment: Mapping[str, str]) -> forks.Fork:
    """A process that runs ``script``, which prints "ready" and then waits for a line before its work."""
    return forks.start("-c", SET_UP + script, *arguments, environment=environment)


def go(workers: Sequence[forks.Fork]) -> list[str]:
    """Let all workers begin once all are ready; what each of them printed."""
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        said = [worker.communicate()[0] for worker in workers]
        assert [worker.returncode for worker in workers] == [0] * len(workers)
        return said
    finally:
        for worker in workers:
            worker.kill()  # nothing happens to one that has ended
            worker.wait()
