"""The whole pipeline, from readers to a mail server: ours beside its ceiling, an earlier revision and other ways.

All take turns on one core. What is done once an edition and starting up are taken off. A mail a second is one of a
core's seconds, of which the client and the mail server each take their part: what the neighbours of this machine do is
not in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import Progress

from tests.benchmarks.command_line import Refused
from tests.benchmarks.contenders import Contender
from tests.benchmarks.ground import NotRight, Size, check, fill, installation, mail_server
from tests.benchmarks.report import Mark, Spread, table
from tests.benchmarks.revision import install, laid_out
from tests.support.services import Installation
from tests.support.smtp_sink import Sink, stall

PIPELINE = "tests.benchmarks.pipeline"
ROWS = {
    "ceiling": "ceiling: finished octets",
    "ours": "ours: plan and deliver",
    "against": "ours at {revision}",
    "full": "a full render of our own templates",
    "ordinary": "an ordinary Django way",
    "post_office": "django-post-office 3.12",
}
POST_OFFICE = ["--no-deps", "django-post-office==3.12.0", "nh3"]
SLOW = {"full", "ordinary", "post_office"}
SPARE = 1.1  # readers for each mail: some have nothing that matches
GROWTHS = 2  # times that a few and many readers are sent to in turn
GATED = {"ours": "check", "full": "check_words", "ordinary": "check_ordinary", "post_office": "check_ordinary"}
AGAINST = {False: (2.5, 3.5), True: (2.0, 3.0)}  # by whether it is in PostgreSQL: times less CPU, accepted and goal
Runs = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Race:
    """The runs of each contender by name, the revision that ours was held against, and who could not take part, and why.

    ``stuffed`` are the lines that began with a dot in the mails of ours that were looked at. ``wanted`` is how many times
    less CPU than the revision's is accepted, and the goal.
    """

    runs: dict[str, Runs]
    revision: str
    missing: dict[str, str]
    stuffed: int
    wanted: tuple[float, float]


def race(size: Size, progress: Progress, *, in_postgres: bool = False, against: str = "") -> Race:
    """Let all contenders run in turns, then ours with its phases, with more readers, and through a provider's interface.

    Raises NotRight, and Refused where the revision ``against`` cannot be laid out.
    """
    runs: dict[str, Runs] = defaultdict(list)
    settings: dict[str, Any] = {"in_postgres": in_postgres, "MAIL_PROVIDER": "smtp", "SMTP_URL": "smtp://127.0.0.1:25"}
    with ExitStack() as stack:
        task = progress.add_task("Sending: laying out the contenders", total=None)
        earlier = stack.enter_context(laid_out(against)) if against else None
        place = stack.enter_context(installation(**settings))
        missing = {} if (packages := _post_office(place)) else {"post_office": "its package cannot be had here"}
        progress.update(task, description="Sending: making a day and its readers")
        enough = max(size.readers, _spare(size.looked_at))
        most = max(size.readers * size.growth, enough)
        fill(place, _filled(size, readers=most), module="tests.benchmarks.names_today")
        starts: dict[str, Callable[[], Contender]] = {
            "ours": lambda: Contender(PIPELINE, "ours", environment=place.environment),
            "full": lambda: Contender(PIPELINE, "full", environment=place.environment),
            "ordinary": lambda: Contender(PIPELINE, "ordinary", environment=place.environment),
            "ceiling": lambda: Contender(PIPELINE, "ceiling", str(place.var / "ours"), environment=place.environment),
        }
        if packages:
            starts["post_office"] = lambda: Contender(PIPELINE, "post_office", environment=packages.environment)
        if earlier:
            old = stack.enter_context(installation(python=earlier.python, root=earlier.root, **settings))
            progress.update(task, description=f"Sending: making the same day at {earlier.name}")
            fill(old, _filled(size, readers=enough), module=earlier.names)
            starts["against"] = lambda: Contender(
                earlier.names, environment=old.environment, python=earlier.python, root=earlier.root
            )
        # side by side, since a machine's speed changes within a minute
        starts = {name: starts[name] for name in sorted(starts, key=lambda name: name not in ("ours", "against"))}
        turns = len(starts) * (size.sendings + 1) + len(starts.keys() - SLOW)
        turns += (GROWTHS + 1) * size.growth + GROWTHS + 3
        progress.update(task, description="Sending", total=turns, completed=0)
        contenders, stuffed = {}, {}
        for name, start in starts.items():
            contenders[name] = stack.enter_context(start())
            progress.update(task, description=f"Sending: a look at the mails of {name}")
            stuffed[name] = _warm_up(name, contenders[name], place, size)
            progress.advance(task)
        one = stack.enter_context(mail_server())
        progress.update(task, description="Sending: what is made once for the papers and reasons of a day")
        for name in contenders.keys() - SLOW:
            _run(contenders[name], one, size.readers)
            progress.advance(task)
        for number in range(size.sendings):
            progress.update(task, description=f"Sending: round {number + 1} of {size.sendings}")
            for name, contender in contenders.items():
                runs[name].append(_run(contender, one, size.slow_readers if name in SLOW else size.readers))
                progress.advance(task)
        progress.update(task, description=f"Sending: to {size.growth} times as many readers")
        # first what is made once for those readers, as before the rounds
        _run(contenders["ours"], one, size.growth * size.readers)
        progress.advance(task, size.growth)
        for _ in range(GROWTHS):
            runs["before growth"].append(_run(contenders["ours"], one, size.readers))
            runs["growth"].append(_run(contenders["ours"], one, size.growth * size.readers))
            progress.advance(task, size.growth + 1)
        with Contender(PIPELINE, "phases", environment=place.environment) as phases:
            progress.update(task, description="Sending: where its time goes")
            _run(phases, one, size.readers)
            runs["phases"] += [_run(phases, one, size.readers) for _ in range(2)]
            progress.advance(task, 2)
        progress.update(task, description="Sending: by a provider's interface")
        runs["api"].append(_by_api(place, size))
        progress.remove_task(task)
    return Race(dict(runs), earlier.name if earlier else "", missing, stuffed["ours"], AGAINST[in_postgres])


def _post_office(place: Installation) -> Installation | None:
    """Return the installation with django-post-office in a folder of its own; None without a package index."""
    folder = place.var / "packages"
    try:
        install(POST_OFFICE, "django-post-office", target=folder)
    except Refused:
        return None
    settings = {
        "DJANGO_SETTINGS_MODULE": "tests.benchmarks.post_office_settings",
        "PYTHONPATH": f"{place.environment['PYTHONPATH']}:{folder}",
    }
    found = Installation(place.var, place.environment | settings)
    found.run("manage.py", "migrate", "post_office", "-v0")
    return found


def _warm_up(name: str, contender: Contender, place: Installation, size: Size) -> int:
    """Let a contender send the mails that are looked at; how many of their lines began with a dot.

    Raises NotRight unless they are as they should be.
    """
    folder, count = place.var / name, size.looked_at if name == "ours" else size.others_looked_at
    with mail_server("--keep-most", str(count), keep=folder) as one:
        _run(contender, one, _spare(count))
        counts = one.counts()
    if name in GATED:
        if bare := counts["bare_dots"]:
            raise NotRight(f"{name}: {bare} lines began with a dot that was not doubled.")
        check(place, folder, count, by=GATED[name])
    return int(counts["stuffed_lines"])


def _filled(size: Size, *, readers: int) -> str:
    """Return the script that makes the day and so many readers, the first of whom are the same however many."""
    return f"day.fill(papers={size.papers}, readers={readers})"


def _spare(mails: int) -> int:
    return round(mails * SPARE)


def _run(contender: Contender, one: Sink, count: int) -> dict[str, Any]:
    before = one.counts()
    done = contender.ask("run", count=count, port=one.port)
    after = one.counts()
    if (taken := after["mails"] - before["mails"]) != done["mails"] or not taken:
        raise NotRight(f"{contender.name} says that {done['mails']} mails left, and {taken} arrived.")
    octets = after["octets"] - before["octets"]
    return done | {"sink": after["cpu"] - before["cpu"], "octets": octets, "readers": count}


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
            _run(contender, one, size.readers)  # prepares the papers
            return _run(contender, one, size.readers)


# --- what it comes to ------------------------------------------------------------------------------------------------


def client(run: dict[str, Any]) -> float:
    """CPU microseconds a mail, without what is done once."""
    return float((run["cpu"] - run["once"]) / run["mails"] * 1e6)


def pace(run: dict[str, Any]) -> float:
    """Mails for each second of a core, which the client and the mail server share."""
    return float(run["mails"] / (run["cpu"] - run["once"] + run["sink"]))


def tell(out: Console, found: Race, size: Size) -> list[Mark]:
    """Print the tables; what they come to."""
    runs = found.runs
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
            "ours: x less CPU",
            "x mails/s",
            "octets",
            "once, s",
            "peak MB",
        ),
        [
            (
                words.format(revision=found.revision),
                str(spread[name]),
                f"{Spread(tuple(one['sink'] / one['mails'] * 1e6 for one in runs[name])).middle:,.0f}",
                f"{paces[name].middle:,.0f}",
                f"{ratios(runs, name)['cpu_a_mail']:.2f}",
                f"{ratios(runs, name)['mails_per_s']:.2f}",
                f"{runs[name][-1]['octets'] / runs[name][-1]['mails']:,.0f}",
                f"{Spread(tuple(one['once'] for one in runs[name])).middle:.2f}",
                f"{max(one['peak'] for one in runs[name]):.0f}",
            )
            for name, words in ROWS.items()
            if name in runs
        ],
    )
    out.print(
        f"Right before any figure: {size.looked_at:,} mails of ours, each octet of their heads and parts as in the full render; "
        f"{found.stuffed:,} of their lines began with a dot, which was doubled on the wire.",
        markup=False,
        soft_wrap=True,
    )
    for name, why in found.missing.items():
        out.print(f"NOT MEASURED: {ROWS[name]}, since {why}.", markup=False)
    _tell_phases(out, runs["phases"])
    table(
        out,
        "Growth",
        ("readers", "CPU us a mail", "peak MB"),
        [
            (f"{runs[name][0]['readers']:,}", f"{spread[name].middle:,.0f}", f"{runs[name][0]['peak']:.0f}")
            for name in ("before growth", "growth")
        ],
    )
    return _marks(found, size)


def ratios(runs: dict[str, Runs], to: str, *, of: str = "ours") -> dict[str, float]:
    """How many times less CPU a mail takes, and how many times more mails a second, than the contender ``to``.

    The medians of the rounds, in each of which both were measured.
    """
    rounds = list(zip(runs[of], runs[to], strict=True))
    return {
        "cpu_a_mail": Spread(tuple(client(other) / client(ours) for ours, other in rounds)).middle,
        "mails_per_s": Spread(tuple(pace(ours) / pace(other) for ours, other in rounds)).middle,
    }


def figures(found: Race) -> dict[str, Any]:
    """Return all runs; ``ratios`` are to the revision, or without one to the ordinary way."""
    to_others = {name: ratios(found.runs, name) for name in ROWS if name != "ours" and name in found.runs}
    to = "against" if found.revision else "ordinary"
    return {
        "sending": found.runs,
        "missing": found.missing,
        "ratios": {"to": found.revision or ROWS[to], **to_others[to]},
        "ratios_to": to_others,
        "share_of_ceiling": to_others["ceiling"]["mails_per_s"],
    }


def _marks(found: Race, size: Size) -> list[Mark]:
    runs, phases = found.runs, found.runs["phases"]
    ranked = Spread(tuple(one["phases"]["plan: rank"] / one["readers"] * 1000 for one in phases))
    database = Spread(tuple(one["database"] / one["mails"] * 1e6 for one in phases))
    api, growth = runs["api"][0], ratios(runs, "growth", of="before growth")["cpu_a_mail"]
    marks = []
    if found.revision:
        less = ratios(runs, "against")["cpu_a_mail"]
        marks.append(Mark(f"CPU a mail against {found.revision}, less", less, *found.wanted))
    for name in ("ordinary", "post_office"):
        if name in runs:
            than = ratios(runs, name)
            marks.append(Mark(f"CPU a mail against {ROWS[name]}, less", than["cpu_a_mail"], 4, 6))
    return [
        *marks,
        Mark("share of the ceiling", ratios(runs, "ceiling")["mails_per_s"] * 100, 22, 30, "%"),
        Mark("hand over by SMTP", _phase(phases, "deliver: hand over"), 45, 30, "us", least=False),
        Mark("database CPU a delivery", database.middle, 150, 80, "us", least=False),
        Mark(f"rank 1,000 readers x {size.papers:,} papers", ranked.middle, 0.1, 0.05, "s", least=False),
        Mark(f"CPU a mail at {size.growth}x the readers", growth, 1.05, 1.0, least=False),
        Mark("provider's interface at 100 ms a call", api["mails"] / api["delivering"], 150, 180, "mails/s"),
        Mark("CPU a mail by a provider's interface", client(api), 700, None, "us", least=False),
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
    driver = Spread(tuple(run["driver"] / run["mails"] * 1e6 for run in runs))
    out.print(f"In the database's driver: {driver.middle:,.0f} us of it a mail.")


def _phase(runs: Runs, name: str) -> float:
    return Spread(tuple(run["phases"].get(name, 0.0) / run["mails"] * 1e6 for run in runs)).middle
