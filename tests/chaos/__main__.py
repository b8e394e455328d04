"""``./run chaos``: the whole service under kill -9, and the proof that a crash never causes a duplicate.

Exit codes: 0 no duplicate, nothing lost, every row explained, no process ended by itself, every blow struck;
1 otherwise; 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests.chaos import reconciliation
from tests.chaos.cluster import PROVIDERS
from tests.chaos.faults import ALL
from tests.chaos.scenario import LEASE, Chaos
from tests.support.services import ROOT


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./run chaos", description=(__doc__ or "").partition("\n")[0].replace("`", "")
    )
    parser.add_argument("--readers", type=int, default=2000, help="so many, due in waves (%(default)s)")
    parser.add_argument("--kills", type=int, default=30, help="so many blows, of every kind (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="that deliver, of two processes each (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn (%(default)s)")
    parser.add_argument("--provider", choices=PROVIDERS, default="smtp", help="how mail leaves (%(default)s)")
    parser.add_argument("--only", choices=ALL, metavar="BLOW", action="append", help=f"of {', '.join(ALL)}")
    parser.add_argument("--calm", action="store_true", help="a sink that refuses nothing but what the blows need")
    parser.add_argument(
        "--lease", type=int, default=LEASE, metavar="SECONDS", help="of a batch, 5 to 300 (%(default)s)"
    )
    parser.add_argument("--ahead", type=float, default=0, metavar="SECONDS", help="of the clock of one worker")
    given = parser.parse_args()
    var = Path(os.environ.get("BROADSHEET_VAR", ROOT / "var"))
    (var / "chaos").mkdir(parents=True, exist_ok=True)
    out = Console()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # nothing may be left over
    chaos = Chaos(
        readers=given.readers,
        kills=given.kills,
        workers=given.workers,
        seed=given.seed,
        provider=given.provider,
        only=given.only,
        calm=given.calm,
        lease=given.lease,
        ahead=given.ahead,
        logs=var / "chaos",
    )
    try:
        result = chaos.run(out)
    except pytest.skip.Exception as missing:
        out.print(f"It needs PostgreSQL and Redis on this machine: {missing}")
        return 1
    except KeyboardInterrupt:
        out.print("Stopped; nothing is left running.")
        return 1
    path = var / "chaos.json"
    path.write_text(json.dumps(result.as_json() | {"told": chaos.told}, indent=1) + "\n")
    out.print(reconciliation.table(result))
    out.print(f"All of it: {path}; what the processes said: {var / 'chaos'}")
    failed = not result.is_clean or result.facts["not struck"] or result.facts["ended by themselves"]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
