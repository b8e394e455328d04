"""Measure the private memory of a worker and of a web process, step by step, and how long a first preview takes.

The archive is full: 10,000 texts of the last weeks, of 20,000 papers, 1,500 of them today's. The first worker makes it; a
second one and the web process find it made. All three stay alive, as in the service, so that what they share counts as
shared. A figure is what only this process holds (USS, MiB); its peak is looked up a hundred times a second.
"""

from __future__ import annotations

import argparse
import mmap
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.benchmarks.command_line import Refused, Result
from tests.benchmarks.contenders import Contender
from tests.benchmarks.ground import fill, installation, mail_server
from tests.benchmarks.report import Mark, table, tell_marks

STEPS = ("imports", "archive", "plan", "deliver", "plan_again", "deliver_again")
WEB_STEPS = ("imports", "warm", "first_preview", "previews")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--papers", type=int, default=20_000, help="of 25 days, today's included (default: 20000)")
    parser.add_argument("--today", type=int, default=1500, help="of them today's (default: 1500)")
    parser.add_argument("--readers", type=int, default=2000, help="to plan and send (default: 2000)")


def run(given: argparse.Namespace, out: Console) -> Result:
    if not Path("/proc/self/smaps_rollup").exists():
        raise Refused("this system does not say what memory is private (/proc/self/smaps_rollup, Linux 4.14)")
    environment = {"MAIL_PROVIDER": "smtp", "SMTP_URL": "smtp://127.0.0.1:25"}
    with installation(**environment) as place, mail_server() as mail, ExitStack() as stack:
        fill(
            place, f"day.fill({given.papers}, {given.today}, {given.readers})", module="tests.benchmarks.memory_process"
        )
        found: dict[str, Any] = {}
        for name, kind, steps in (
            ("first worker", "worker", STEPS),
            ("worker", "worker", STEPS),
            ("web process", "web", WEB_STEPS),
        ):
            contender = Contender("tests.benchmarks.memory_process", kind, environment=place.environment)
            stack.enter_context(contender)
            found[name] = []
            for step in steps:
                found[name].append(_step(contender, step, mail.port))
                if name == "first worker" and step == "archive":
                    stack.enter_context(_mapped(place.var / "archive-live.bin"))
            limit = contender.ask("limit")["MiB"]
    for name, steps_taken in found.items():
        _tell(out, name, steps_taken)
    peak = {name: max(step["peak"] for step in taken) for name, taken in found.items()}
    resident = max(step["most_resident"] for name in ("first worker", "worker") for step in found[name])
    web = {step["step"]: step for step in found["web process"]}
    marks = [
        Mark("private memory of a worker at its peak", peak["worker"], 200, 150, "MiB", least=False),
        Mark("private memory of the worker that makes the archive", peak["first worker"], 200, 150, "MiB", least=False),
        Mark("resident memory of a worker at most, for its limit", resident, limit, None, "MiB", least=False),
        Mark("private memory of a web process at its peak", peak["web process"], 200, 150, "MiB", least=False),
        Mark("CPU of a web process's warm-up", web["warm"]["cpu"], 2, 0.5, "s", least=False),
        Mark(
            "first preview after a start, warm-up included",
            web["warm"]["cpu"] + web["first_preview"]["cpu"],
            1.5,
            0.5,
            "s",
            least=False,
        ),
    ]
    tell_marks(out, marks)
    return Result({"steps": found, "peaks": peak, "marks": [mark.as_json() for mark in marks]})


@contextmanager
def _mapped(path: Path) -> Iterator[None]:
    """Hold a file in memory, as the other workers and web processes of a service do.

    Else its pages would count as private to the only process of the bench that maps it.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as octets:
        sum(octets[:: mmap.PAGESIZE])
        yield


def _step(contender: Contender, step: str, port: int) -> dict[str, Any]:
    with watched(contender.pid) as most:
        done = contender.ask(step, **({"port": port} if step.startswith("deliver") else {}))
    after = memory(contender.pid)
    return {"step": step, **after, "peak": max(after["private"], *most), **done}


def memory(pid: int) -> dict[str, float]:
    """Return the MiB that only this process holds, that it shares, and that are resident now and were at most."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    found = {name: int(value.split()[0]) / 1024 for name, _, value in (line.partition(":") for line in lines)}
    return {
        "private": found["Private_Clean"] + found["Private_Dirty"],
        "shared": found["Shared_Clean"] + found["Shared_Dirty"],
        "resident": found["Rss"],
        "most_resident": int(status["VmHWM"].split()[0]) / 1024,
    }


@contextmanager
def watched(pid: int) -> Iterator[list[float]]:
    """Collect a process's private MiB while the block runs."""
    most, ended = [0.0], threading.Event()

    def look() -> None:
        while not ended.wait(0.01):
            most[0] = max(most[0], memory(pid)["private"])

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join()


def _tell(out: Console, name: str, steps: list[dict[str, Any]]) -> None:
    table(
        out,
        f"Memory of a {name}, MiB",
        ("after", "private", "peak meanwhile", "shared", "resident", "CPU s"),
        [
            (
                step["step"].replace("_", " "),
                *(f"{step[what]:,.0f}" for what in ("private", "peak", "shared", "resident")),
                f"{step['cpu']:.2f}",
            )
            for step in steps
        ],
    )
