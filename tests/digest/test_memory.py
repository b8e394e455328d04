"""Memory that is free does not stay with the process."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from digest import memory
from digest.memory import give_back


def resident() -> int:
    """Return the octets of this process that are no file's."""
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("RssAnon"))
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can")
def test_freed_blocks_go_back_although_one_after_them_is_in_use() -> None:
    give_back()
    blocks = [bytearray(b"x" * 100_000) for _ in range(600)]
    last = blocks[-1]
    blocks.clear()
    before = resident()
    give_back()
    assert before - resident() > 30_000_000
    assert last


def test_where_the_library_has_no_such_function_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digest.memory._malloc_trim", lambda: None)
    give_back()


@pytest.mark.parametrize("error", [OSError, TypeError])
def test_nor_where_no_library_can_be_asked(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: None) -> None:
        raise error

    monkeypatch.setattr("ctypes.CDLL", refuse)
    assert memory._malloc_trim.__wrapped__() is None
