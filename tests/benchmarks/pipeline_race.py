"""The whole pipeline, from readers to a mail server: ours, the afternoon way, and the ceiling, all on one core.

What is done once an edition and starting up are taken off. A mail a second is one of a core's seconds, of which the
client and the mail server each take their part: what the neighbours of this machine do is not in it.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack
from typing import Any

from rich.console import Console
from rich.progress import Progress

from tests.benchmarks.contenders import Contender
from tests.benchmarks.ground import NotRight, Size, check, fill, installation, mail_server
from tests.benchmarks.report import Mark, Spread, table
from tests.support.services import Installation
from tests.support.smtp_sink import Sink, stall

PIPELINE = "tests.benchmarks.pipeline"
ROWS = {"ours": "ours: plan and deliver", "afternoon": "the afternoon way", "ceiling": "ceiling: finished octets"}
SPARE = 1.1  # readers for each mail: some have nothing that matches
Runs = list[dict[str, Any]]


def race(size: Size, progress: Progress, *, in_postgres: bool = False) -> dict[str, Any]:
    """The runs of each contender, those with more readers, and the one through a provider's interface.

    Raises NotRight.
    """
    everybody = size.readers * max(size.growth, default=1)
    runs: dict[str, Runs] = defaultdict(list)
    with installation(in_postgres=in_postgres, MAIL_PROVIDER="smtp", SMTP_URL="smtp://127.0.0.1:25") as place:
        task = progress.add_task("Sending: making a day and its readers", total=None)
        fill(
            place,
            f"day.create_edition(papers={size.papers}, older={size.papers})\nday.sign_up({max(everybody, _spare(size))})",
        )
        progress.update(
            task, description="Sending", total=len(ROWS) * size.sendings + sum(size.growth) + 3, completed=0
        )
        with ExitStack() as stack:
            contenders = _enter(stack, place, size, progress, task)
            one = stack.enter_context(mail_server())
            for _ in range(size.sendings):
                for name, contender in contenders.items():
                    count = size.slow_readers if name == "afternoon" else size.readers
                    runs[name].append(_run(contender, one, count))
                    progress.advance(task)
            for times in size.growth:
                runs[f"{times}x"].append(_run(contenders["ours"], one, times * size.readers))
                progress.advance(task, times)
        runs["api"].append(_by_api(place, size))
        progress.remove_task(task)
    return dict(runs)


def _enter(stack: ExitStack, place: Installation, size: Size, progress: Progress, task: Any) -> dict[str, Contender]:
    """The contenders, warmed up by the mails that are looked at."""
    contenders = {}
    for name in ("ours", "afternoon"):
        contender = stack.enter_context(Contender(PIPELINE, name, environment=place.environment))
        folder = place.var / name
        with mail_server("--keep-most", str(size.looked_at), keep=folder) as one:
            _run(contender, one, _spare(size))
        check(place, folder, size.looked_at)
        contenders[name] = contender
        progress.advance(task)
    finished = str(place.var / "ours")
    contenders["ceiling"] = stack.enter_context(Contender(PIPELINE, "ceiling", finished, environment=place.environment))
    return contenders


def _spare(size: Size) -> int:
    return round(size.looked_at * SPARE)


def _run(contender: Contender, one: Sink, count: int) -> dict[str, Any]:
    before = one.counts()
    done = contender.ask("run", count=count, port=one.port)
    after = one.counts()
    if (taken := after["mails"] - before["mails"]) != done["mails"] or not taken:
        raise NotRight(f"{contender.name} says that {done['mails']} mails left, and {taken} arrived.")
    return done | {"sink": after["cpu"] - before["cpu"], "readers": count}


def _by_api(place: Installation, size: Size) -> dict[str, Any]:
    """Through the interface of a provider that takes 100 ms for each call."""
    with mail_server(module="tests.support.http_sink") as one:
        one.tell(stall("end", 0.1))
        environment = place.environment | {
            "MAIL_PROVIDER": "postmark",
            "POSTMARK_SERVER_TOKEN": "token",
            "MAIL_API_URL": f"http://127.0.0.1:{one.port}/",
        }
        with Contender(PIPELINE, "ours", environment=environment) as contender:
            return _run(contender, one, size.by_api)


# --- what it comes to ------------------------------------------------------------------------------------------------


def client(run: dict[str, Any]) -> float:
    """CPU microseconds a mail, without what is done once."""
    return float((run["cpu"] - run["once"]) / run["mails"] * 1e6)


def pace(run: dict[str, Any]) -> float:
    """Mails for each second of a core, which the client and the mail server share."""
    return float(run["mails"] / (run["cpu"] - run["once"] + run["sink"]))


def tell(out: Console, runs: dict[str, Runs], size: Size) -> list[Mark]:
    """Print the tables; what they come to."""
    spread = {name: Spread(tuple(map(client, some))) for name, some in runs.items()}
    paces = {name: Spread(tuple(map(pace, some))) for name, some in runs.items()}
    table(
        out,
        f"Sending: {size.readers:,} readers, {size.papers:,} papers",
        (
            "",
            "CPU us a mail",
            "sink us",
            "mails/s of a core",
            "mails/s seen",
            "x CPU",
            "x mails/s",
            "once, s",
            "peak MB",
        ),
        [
            (
                words,
                str(spread[name]),
                f"{Spread(tuple(one['sink'] / one['mails'] * 1e6 for one in runs[name])).middle:,.0f}",
                str(paces[name]),
                f"{Spread(tuple(one['mails'] / one['wall'] for one in runs[name])).middle:,.0f}",
                f"{spread['afternoon'].middle / spread[name].middle:.1f}",
                f"{paces[name].middle / paces['afternoon'].middle:.1f}",
                f"{Spread(tuple(one['once'] for one in runs[name])).middle:.2f}",
                f"{max(one['peak'] for one in runs[name]):.0f}",
            )
            for name, words in ROWS.items()
        ],
    )
    _tell_phases(out, runs["ours"])
    growth = [f"{times}x" for times in size.growth]
    table(
        out,
        "Growth",
        ("readers", "CPU us a mail", "peak MB"),
        [
            (f"{runs[name][0]['readers']:,}", f"{spread[name].middle:,.0f}", f"{runs[name][0]['peak']:.0f}")
            for name in ("ours", *growth)
        ],
    )
    api = runs["api"][0]
    ours, afternoon = spread["ours"].middle, spread["afternoon"].middle
    ranked = Spread(tuple(one["phases"]["plan: rank"] / one["readers"] * 1000 for one in runs["ours"]))
    database = Spread(tuple(one["database"] / one["mails"] * 1e6 for one in runs["ours"]))
    return [
        Mark("mails/s against the afternoon way", paces["ours"].middle / paces["afternoon"].middle, 5, 15),
        Mark("CPU a mail against the afternoon way, less", afternoon / ours, 6, 30),
        Mark("share of the ceiling", paces["ours"].middle / paces["ceiling"].middle * 100, 20, 60, "%"),
        Mark(f"rank 1,000 readers x {size.papers:,} papers", ranked.middle, 0.1, 0.05, "s", least=False),
        Mark(f"CPU a mail at {growth[-1]} the readers", spread[growth[-1]].middle / ours, 1.1, 1.0, least=False),
        Mark("peak memory of one worker", max(one["peak"] for one in runs[growth[-1]]), 250, 150, "MB", least=False),
        Mark("database CPU a delivery", database.middle, 100, 30, "us", least=False),
        Mark("provider's interface at 100 ms a call", api["mails"] / api["delivering"], 300, None, "mails/s"),
    ]


def _tell_phases(out: Console, runs: Runs) -> None:
    """Where the CPU time goes, a mail; what was called and asked of the database, a thousand readers."""
    names = sorted({name for run in runs for name in run["phases"]}, key=lambda name: -_phase(runs, name))
    table(
        out,
        "Where ours goes",
        ("", "CPU us a mail", "calls a thousand", "queries a thousand"),
        [
            (
                name,
                f"{_phase(runs, name):,.1f}",
                *(
                    f"{sum(run[what].get(name, 0) for run in runs) / sum(run['readers'] for run in runs) * 1000:,.1f}"
                    for what in ("calls", "queries")
                ),
            )
            for name in names
        ],
    )


def _phase(runs: Runs, name: str) -> float:
    return Spread(tuple(run["phases"].get(name, 0.0) / run["mails"] * 1e6 for run in runs)).middle
