"""What takes seconds to make and stays the same until the code changes: made once, for all processes and later runs."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tests.support.paths import ROOT

KEPT = ROOT / "var" / "kept"
# Everything that tables, static files and filled databases are made from.
SOURCES = (
    "digest",
    "subscriptions",
    "static",
    "templates",
    "manage.py",
    "requirements.txt",
    "tests/support/services.py",
    "tests/support/visitor.py",
)
DAY = 86_400  # seconds


def kept(name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that ``make`` has filled from the code as it is now. It is there to be copied from."""
    KEPT.mkdir(parents=True, exist_ok=True)
    folder = KEPT / f"{name}-{_fingerprint()}"
    with (KEPT / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _forget_unused()
            with tempfile.TemporaryDirectory(dir=KEPT) as room:
                made = Path(room) / "made"
                made.mkdir()
                make(made)
                made.rename(folder)
        os.utime(folder)
    return folder


def _forget_unused() -> None:
    """Remove what was made of earlier code, unless a run that is still going may want it."""
    for folder in KEPT.iterdir():
        if folder.is_dir() and folder.stat().st_mtime < time.time() - DAY:
            shutil.rmtree(folder)


@cache
def _fingerprint() -> str:
    found = hashlib.sha256(repr((sys.version, os.getuid())).encode())
    for path in sorted(path for source in SOURCES for path in _files(ROOT / source)):
        found.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return found.hexdigest()[:16]


def _files(source: Path) -> list[Path]:
    return [path for path in (source, *source.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
