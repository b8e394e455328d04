"""Add sources from a list of feeds (OPML), or write such a list."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from digest.ingest.parser_process import ParserProcess
from digest.ingest.parsers import SourceUnreadable
from digest.ingest.sources import source_list
from digest.ingest.sources.advice import explain
from digest.ingest.store import bytes_of


class Command(BaseCommand):
    help = (
        "Without a file, write all sources as OPML to the standard output, for a feed reader or another installation. "
        "With an OPML file, print the feeds in it that could become sources; with --add, add them. They are read when "
        "the sources are read next. Exit codes: 0 done; 1 the file cannot be read, or a feed could not be added."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="an OPML file, also .gz")
        parser.add_argument("--add", action="store_true", help="add what the file offers")

    def handle(self, *, file: Path | None, add: bool, **options: Any) -> None:
        if file is None:
            self.stdout.write(source_list.export(), ending="")
            return
        try:
            with ParserProcess() as parser:
                found = parser.read_opml(bytes_of(file))
        except SourceUnreadable as error:
            raise CommandError(f"{file}: {explain(error.kind, detail=error.detail)}", returncode=1) from None
        offered = source_list.offers(found.feeds)
        for offer in offered:
            self.stdout.write(f"{offer.name}  {offer.url}" + (f"  ({offer.problem})" if offer.problem else ""))
        for note in found.notes:
            self.stderr.write(note)
        new = [offer for offer in offered if not offer.problem]
        if not add:
            self.stdout.write(f"New: {len(new):,} of {len(offered):,}. Add them with --add.")
            return
        added, problems = source_list.take(new)
        self.stdout.write(f"Added {len(added)} of {len(offered)}. They are read when the sources are read next.")
        if problems:
            raise CommandError("\n".join(problems), returncode=1)
