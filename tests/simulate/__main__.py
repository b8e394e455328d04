"""``./run simulate``: a month of the service in minutes, and a ledger of what each reader was promised.

Exit codes: 0 ledger and database agree on every reader and day; 1 they disagree; 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import secrets
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.support.services import Installation
from tests.support.smtp_sink import sink

FAULTS = ("lost", "doubled", "ignored")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./run simulate", description=(__doc__ or "").partition("\n")[0].replace("`", "")
    )
    parser.add_argument(
        "--days", type=int, default=30, help="three quarters of them before Europe's summer time (%(default)s)"
    )
    parser.add_argument("--readers", type=int, default=2000, help="in all time zones (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the ledger to FILE")
    parser.add_argument(
        "--fault",
        choices=FAULTS,
        action="append",
        default=[],
        help="do this wrong once, to see that the ledger tells it; may be given for each",
    )
    given = parser.parse_args()
    if given.days < 3 or given.readers < 1:
        parser.error("it takes 3 days and one reader")
    if given.json and not given.json.absolute().parent.is_dir():
        parser.error(f"there is no folder for {given.json}")
    out = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="broadsheet-simulate-") as folder:
        return run(Path(folder), given, out)


def run(folder: Path, given: argparse.Namespace, out: Console) -> int:
    log = folder / "sink.log"
    log.touch()
    secret = f"broadsheet:{secrets.token_hex(16)}"  # of the provider's events
    with sink(log=log, module="tests.support.http_sink") as mail:
        installation = installation_at(folder, mail.port, secret)
        installation.prepare()
        os.environ.update(installation.environment)
        import django

        django.setup()
        logging.disable(logging.ERROR)
        # only now, since they read the settings
        from tests.simulate.ledger import table
        from tests.simulate.scenario import Simulation
        from tests.simulate.service import Service

        service = Service(log, folder / "broadsheet.sqlite3", secret)
        simulation = Simulation(service, readers=given.readers, days=given.days, seed=given.seed, faults=given.fault)
        verdict = simulation.run(lambda line: print(line, flush=True))
    out.print(table(verdict))
    if given.json:
        given.json.write_text(json.dumps(verdict.as_json(), indent=1) + "\n")
    return 1 if verdict.disagreements else 0


def installation_at(folder: Path, port: int, secret: str) -> Installation:
    """An installation in this folder that sends to the sink on this port, and takes its provider's events."""
    return Installation.at(
        folder,
        MAIL_PROVIDER="postmark",
        POSTMARK_SERVER_TOKEN="token",
        MAIL_API_URL=f"http://127.0.0.1:{port}/",
        MAIL_RATE="",
        WEBHOOK_SECRET=secret,
        SITE_URL="https://papers.example.org",
        DEFAULT_FROM_EMAIL="Broadsheet <digest@mail.example.org>",
        POSTAL_ADDRESS="Example Institute, 1 Reading Lane",
    )


if __name__ == "__main__":
    sys.exit(main())
