"""Read the files given on the command line, before anything is stored."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from digest.ingest.parser_process import ParserProcess
from digest.ingest.parsers import Feed, SourceUnreadable
from digest.ingest.store import read_file

Read = dict[str, Feed | SourceUnreadable]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--from",
        dest="files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="files of one day; formats are detected by content, also .gz",
    )
    add_date(parser)


def add_date(parser: ArgumentParser) -> None:
    parser.add_argument("--date", dest="day", type=_day, metavar="YYYY-MM-DD", help="day of the edition")


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if day.year < 1990:
        raise ArgumentTypeError(f"{text!r} is not a day such as 2026-01-30, from 1990 to today")
    if day > datetime.now(UTC).date():
        raise ArgumentTypeError(f"{day} has not come yet (days are counted in UTC)")
    return day


def read(paths: Sequence[Path]) -> Read:
    """Return name -> the file's feed, or its error; files with equal names are named by their paths."""
    names = [path.name for path in paths]
    with ParserProcess() as parser:
        return {
            path.name if names.count(path.name) == 1 else str(path): _read(path, parser)
            for path in dict.fromkeys(paths)
        }


def _read(path: Path, parser: ParserProcess) -> Feed | SourceUnreadable:
    try:
        return read_file(path, parse=parser.read)
    except SourceUnreadable as error:
        return error


def day_of(files: Read) -> date | None:
    """Return the newest announcement date of the files."""
    days = [feed.announced_on for feed in files.values() if isinstance(feed, Feed) and feed.announced_on]
    return max(days, default=None)
