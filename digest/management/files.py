"""The files an operator names on the command line, read before anything is stored."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from datetime import date
from pathlib import Path

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
        help="files that together are one day; the format is found by content, .gz too",
    )
    add_date(parser)


def add_date(parser: ArgumentParser) -> None:
    parser.add_argument("--date", dest="day", type=_day, metavar="YYYY-MM-DD", help="the edition's day")


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not 1990 <= day.year <= 2100:
        raise ArgumentTypeError(f"{text!r} is not a day such as 2026-01-30, from 1990 to 2100")
    return day


def read(paths: Sequence[Path]) -> Read:
    """Name -> what the file holds, or why it cannot be used; two files of one name keep their folders."""
    names = [path.name for path in paths]
    return {path.name if names.count(path.name) == 1 else str(path): _read(path) for path in dict.fromkeys(paths)}


def _read(path: Path) -> Feed | SourceUnreadable:
    try:
        return read_file(path)
    except SourceUnreadable as error:
        return error


def day_of(files: Read) -> date | None:
    """The newest announcement date that any of the files names."""
    days = [feed.announced_on for feed in files.values() if isinstance(feed, Feed) and feed.announced_on]
    return max(days, default=None)
