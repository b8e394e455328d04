"""Another revision of this repository in a folder and an environment of its own, for ``./run bench --against REV``."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.command_line import Refused
from tests.support.paths import ROOT

HERE = Path(__file__).parent
OLD_NAMES = "names_5de826d"


@dataclass(frozen=True, slots=True)
class Revision:
    """A tree, its interpreter with the packages of its lock, and the module of its names for the driver."""

    name: str
    root: Path
    python: str
    names: str


@contextmanager
def laid_out(revision: str) -> Iterator[Revision]:
    """Lay the revision out in a temporary folder with an environment of its own lock; the checkout stays as it is.

    Raises Refused where there is no such revision, its names are not known, or its packages cannot be had.
    """
    commit = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
    if not commit:
        raise Refused(f"--against {revision}: there is no such revision in {ROOT}")
    with tempfile.TemporaryDirectory(prefix="broadsheet-") as folder:
        root = Path(folder, "tree")
        root.mkdir()
        subprocess.run(["tar", "-x", "-C", root], input=_git("archive", commit), check=True)
        names = _names_for(root, revision)
        for module in ("driver", "ranking_cost", names):
            shutil.copy(HERE / f"{module}.py", root / "tests/benchmarks")
        python = make_environment(
            Path(folder, "environment"), f"--against {revision}", _lock(root / "requirements.txt")
        )
        yield Revision(commit[:7], root, python, f"tests.benchmarks.{names}")


def _names_for(root: Path, revision: str) -> str:
    """Return the module with that tree's names."""
    for name, at in ((OLD_NAMES, "digest/planning.py"), ("names_today", "digest/delivery/plan.py")):
        if (root / at).is_file() and (root / "tests/benchmarks/day.py").is_file():
            return name
    raise Refused(
        f"--against {revision}: the bench knows no names of that time; the oldest it knows are those of 5de826d"
    )


def _lock(file: Path) -> list[str]:
    return ["--require-hashes", "--no-deps", "-r", str(file)]


def make_environment(folder: Path, what_for: str, packages: Sequence[str]) -> str:
    """Make a virtual environment with these packages; its interpreter. Raises Refused without a package index."""
    python = str(folder / "bin/python")
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder)], what_for)
    install(packages, what_for, python=python)
    return python


def install(
    packages: Sequence[str], what_for: str, *, python: str = sys.executable, target: Path | None = None
) -> None:
    """Install packages into that interpreter's environment, or into the folder ``target``, by uv or pip as ``./run`` does.

    Raises Refused without a package index.
    """
    into = ["--target", str(target)] if target else []
    if uv := shutil.which("uv"):
        _run([uv, "pip", "install", "-q", "--python", python, *into, *packages], what_for)
        return
    # what is not imported need not be compiled
    quiet = ["-qq", "--disable-pip-version-check", "--retries", "1", "--no-compile"]
    _run([_pip_python(what_for), "-m", "pip", "--python", python, "install", *quiet, *into, *packages], what_for)


def _pip_python(what_for: str) -> str:
    """Return an interpreter that has pip: this one, or the one that it was made of."""
    for python in (sys.executable, str(Path(sys.base_prefix, "bin/python3"))):
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
            return python
    raise Refused(f"{what_for}: there is neither uv nor pip to install packages with")


def _run(command: Sequence[str], what_for: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines() or ["no word why"]
        raise Refused(f"{what_for}: its packages cannot be installed ({' '.join(told[-1].split())[:200]})")


def _git(*arguments: str) -> bytes:
    """Return what git says about this checkout, nothing where it fails."""
    if not (git := shutil.which("git")):
        return b""
    return subprocess.run([git, "-C", str(ROOT), *arguments], capture_output=True, check=False).stdout
