"""Measure how fast the pages answer fifty visitors at once, over 20,000 papers.

The pages are served as configured, on the same machine as the visitors. The second table is the pace of the sign-up's
answer for addresses of four kinds: it must not tell them apart.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from tests.benchmarks.command_line import Refused, Result, progress
from tests.benchmarks.report import table
from tests.support.http_client import Asker, at_once, hidden_fields
from tests.support.processes import SET_UP
from tests.support.running_service import web_alone
from tests.support.services import Installation, free_port

PAPERS, VISITORS, EACH = 20_000, 50, 12
MARKER = "made-by-bench-visitors"  # a file, so that no other installation is ever written to
WORDS = "protein robot graph language galaxy privacy climate proof qubit vaccine market speech image planning".split()
TOPICS = (
    "machine-learning language vision robotics statistics neuroscience databases security probability finance".split()
)
SIGN_UPS = 40  # of each kind of address

KNOWN = f"""
from tests.support.factories import reader
from subscriptions import consent
from subscriptions.models import Subscriber
from datetime import UTC, datetime
if not Subscriber.objects.filter(email="active0@readers.example").exists():
    for number in range({SIGN_UPS}):
        reader(f"active{{number}}", email=f"active{{number}}@readers.example", next_send_at=None)
        reader(f"pending{{number}}", email=f"pending{{number}}@readers.example", status="pending", next_send_at=None,
               confirmed_at=None)
        consent.suppress(f"suppressed{{number}}@readers.example", reason="bounced", now=datetime.now(UTC))
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="FOLDER",
        help="keep the papers in FOLDER, and find them there next time",
    )


def run(given: argparse.Namespace, out: Console) -> Result:
    if given.folder is None:
        with tempfile.TemporaryDirectory(prefix="broadsheet-") as folder:
            return _run(Path(folder), out)
    folder = given.folder.resolve()
    if folder.exists() and not (folder / MARKER).exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} holds something else: name a new folder, or one that this command has filled")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()
    return _run(folder, out)


def _run(folder: Path, out: Console) -> Result:
    port = free_port()
    installation = Installation.at(folder, SITE_URL=f"http://127.0.0.1:{port}", PROXIES="1")
    with progress() as bar:
        task = bar.add_task("Storing the papers", total=None)
        installation.run("manage.py", "prepare")
        count = "from digest.models import Paper; print(Paper.objects.count())"
        if int(installation.run("-c", SET_UP + count)) < PAPERS:
            installation.run("-c", SET_UP + "from tests.benchmarks import archive; archive.fill()")
        papers = int(installation.run("-c", SET_UP + count))
        installation.run("-c", SET_UP + KNOWN)
        pages: dict[str, dict[str, float]] = {}
        with web_alone(installation, port=port) as service:
            for name, visit in PAGES.items():
                bar.update(task, description=f"Asking for {name}")
                _warm(service.url, visit)
                times, took = _crowd(service.url, visit)
                pages[name] = _milliseconds(times) | {"per_second": len(times) / took}
            bar.update(task, description="Asking for home beside expensive pages")
            times = _home_beside_expensive_pages(service.url)
            pages["home beside 8 expensive"] = _milliseconds(times) | {"per_second": len(times) / sum(times)}
            bar.update(task, description="Signing up")
            sign_ups = {kind: _milliseconds(times) for kind, times in _paces(service.url).items()}
    out.print(f"{papers:,} papers; {VISITORS} visitors at once, {EACH} requests each; times in ms")
    rows = [(name, *_row(found), f"{found['per_second']:.1f}") for name, found in pages.items()]
    table(out, "Pages", ("page", "median", "p95", "slowest", "a second"), rows)
    rows = [(kind, *_row(found)) for kind, found in sign_ups.items()]
    table(out, "Sign-ups one by one", ("address", "median", "p95", "slowest"), rows)
    size = {"papers": papers, "visitors": VISITORS, "requests_each": EACH, "sign_ups_each": SIGN_UPS}
    return Result({"size": size, "pages": pages, "sign_ups": sign_ups})


Visit = Callable[[Asker, dict[str, str], random.Random], object]


def _preview(asker: Asker, form: dict[str, str], dice: random.Random) -> object:
    """One redrawing of the preview, for choices that nobody else has."""
    fields = [("csrfmiddlewaretoken", form["csrfmiddlewaretoken"]), ("page", "sign_up")]
    fields += [("topics", topic) for topic in dice.sample(TOPICS, 3)]
    fields += [("keywords", f"{', '.join(dice.sample(WORDS, 3))}, number {dice.random():.6f}")]
    fields += [("weekdays", "0"), ("send_hour", "7"), ("zone", "UTC"), ("max_papers", "10"), ("hype", "50")]
    return asker.post("/preview", fields)


PAGES: dict[str, Visit] = {
    "home": lambda asker, form, dice: asker.get("/"),
    "search": lambda asker, form, dice: asker.get(f"/papers/?q={dice.choice(WORDS)}+{dice.choice(WORDS)}"),
    "sign-up": lambda asker, form, dice: asker.get("/subscribe"),
    "preview": _preview,
}


def _warm(site: str, visit: Visit) -> None:
    asker = Asker(site)
    form = hidden_fields(asker.get("/subscribe").text)
    for _ in range(3):
        visit(asker, form, random.Random(0))
    asker.close()


def _crowd(site: str, visit: Visit) -> tuple[list[float], float]:
    """Seconds of every request, and of all together; each visitor keeps a connection open, as browsers do.

    A visitor who is told to come back later does so after a second, and the waiting counts.
    """
    askers = [Asker(site, network=f"10.{number}.{random.randrange(256)}.5") for number in range(VISITORS)]
    forms = [hidden_fields(asker.get("/subscribe").text) for asker in askers]

    def stay(number: int) -> list[float]:
        dice, times = random.Random(number), []
        for _ in range(EACH):
            began = time.perf_counter()
            while (answer := visit(askers[number], forms[number], dice)).status == 503:
                time.sleep(1)
            times.append(time.perf_counter() - began)
            assert answer.status == 200, answer.status
        return times

    began = time.perf_counter()
    times = at_once([lambda number=number: stay(number) for number in range(VISITORS)])
    took = time.perf_counter() - began
    for asker in askers:
        asker.close()
    return [one for some in times for one in some], took


def _home_beside_expensive_pages(site: str) -> list[float]:
    """Seconds of the home page while eight others search and redraw previews without a pause."""
    done = threading.Event()

    def others(number: int) -> None:
        asker, dice = Asker(site), random.Random(number)
        form = hidden_fields(asker.get("/subscribe").text)
        while not done.is_set():
            PAGES["search" if number % 2 else "preview"](asker, form, dice)
        asker.close()

    crowd = [threading.Thread(target=others, args=(number,)) for number in range(8)]
    for one in crowd:
        one.start()
    time.sleep(2)
    asker, times = Asker(site), []
    for _ in range(100):
        began = time.perf_counter()
        assert asker.get("/").status == 200
        times.append(time.perf_counter() - began)
    done.set()
    for one in crowd:
        one.join()
    return times


def _paces(site: str) -> dict[str, list[float]]:
    """Seconds of the sign-up's answer by kind of address, the kinds in turn; every answer is the same bytes."""
    times: dict[str, list[float]] = {kind: [] for kind in ("new", "pending", "active", "suppressed")}
    answers = set()
    form = hidden_fields((first := Asker(site)).get("/").text)
    time.sleep(2.1)  # nobody is faster than that
    for number in range(SIGN_UPS):
        for kind in times:
            asker = Asker(site, cookies=dict(first.cookies))
            asker.get("/health")  # the connection is there before the clock starts
            fields = {**form, "short": "1", "zone": "UTC", "email": f"{kind}{number}@readers.example", "website": ""}
            began = time.perf_counter()
            answer = asker.post("/subscribe", [*fields.items()])
            times[kind].append(time.perf_counter() - began)
            answers.add((answer.status, answer.headers["Location"], answer.body))
            asker.close()
    assert len(answers) == 1, answers
    assert {status for status, _, _ in answers} == {303}
    return times


def _milliseconds(times: list[float]) -> dict[str, float]:
    p95 = statistics.quantiles(times, n=20)[-1]
    found = {"median": statistics.median(times), "p95": p95, "slowest": max(times)}
    return {name: seconds * 1000 for name, seconds in found.items()}


def _row(found: dict[str, float]) -> list[str]:
    return [f"{found[name]:.0f}" for name in ("median", "p95", "slowest")]
