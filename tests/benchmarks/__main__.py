"""``./run bench``: run one benchmark, print its tables, and write all its figures where ``--json`` says.

A part is a module of this package with ``add_options(parser)`` and ``run(given, out)``, which returns a Result.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.command_line import Parser, Refused, console, machine, refuse_unwritable

PARTS = {
    "mails": "how fast digests are made and sent, after a check that they are right (the default)",
    "memory": "how much private memory a worker and a web process hold, step by step, with a full archive",
    "ranking": "how well the ranking finds what recorded readers saved, beside a plain BM25",
    "search": "how well and how fast search finds known papers on both databases, beside the old search",
    "storing": "how long storing the largest body keeps SQLite locked for others",
    "trending": "how well the morning's trending score finds the papers that have most votes later",
    "text": "how much raw TeX is left in cleaned titles and abstracts, and which words were lost",
    "topics": "how well the default topics file papers that two people labelled, beside the earlier rules",
    "sentences": "how often the sentence shown of an abstract says what was done or found, beside simple rules",
    "large": "fill a database with a large invented installation, or measure the dashboard's pages on it",
    "relay": "whether real mails reach their readers through a real Postfix that is slow, strict or dying",
    "visitors": "how fast the pages answer fifty visitors at once",
}
EXIT_CODES = (
    "exit codes: 0 done; 1 a figure is below what is accepted, or a mail is wrong; 2 wrong arguments, or something that "
    "the part needs is missing; 130 stopped"
)


def main(arguments: Sequence[str]) -> int:
    if arguments[:1] in (["-h"], ["--help"]):
        sys.stdout.write(usage())
        return 0
    name, options = (
        ("mails", arguments) if not arguments or arguments[0].startswith("-") else (arguments[0], arguments[1:])
    )
    try:
        if name not in PARTS:
            raise Refused(f"there is no part '{name}'; the parts are {', '.join(PARTS)}")
        return run(name, options)
    except Refused as refusal:
        return _fail(f"{refusal}.", code=2)
    except KeyboardInterrupt:
        return _fail("stopped; no figures were written.", code=130)


def usage() -> str:
    parts = "".join(f"  {name:<10} {what}\n" for name, what in PARTS.items())
    options = '  --json FILE  write all figures to FILE, in a folder that exists\n  --help       "./run bench PART --help" lists the options of a part\n'
    return f"usage: ./run bench [PART] [OPTIONS]\n\nparts:\n{parts}\noptions of every part:\n{options}\n{EXIT_CODES}\n"


def run(name: str, options: Sequence[str]) -> int:
    """Run the part with these options and return the exit code. Raises Refused."""
    part = importlib.import_module(f"{__package__}.{name}")
    summary = part.__doc__.partition("\n")[0]
    parser = Parser(prog=f"./run bench {name}", description=summary, epilog=EXIT_CODES, allow_abbrev=False)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE, in a folder that exists")
    part.add_options(parser)
    given = parser.parse_args(options)
    if given.json:
        refuse_unwritable(given.json)
    out, begun = console(), {"part": name, "machine": machine()}
    result = part.run(given, out)
    if given.json and result.figures:
        try:
            given.json.write_text(json.dumps(begun | result.figures, indent=1, allow_nan=False) + "\n")
        except OSError as error:
            return _fail(f"--json {given.json}: {error.strerror}.", code=1)
        out.print(f"\nAll figures: {given.json}", markup=False, soft_wrap=True)
    return _fail(result.why_not, code=1) if result.why_not else 0


def _fail(why: str, *, code: int) -> int:
    print(f"./run bench: {why}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
