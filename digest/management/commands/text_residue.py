"""How much raw TeX is left in cleaned titles and abstracts, and whether a word was lost."""

from __future__ import annotations

import gzip
import json
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from digest.text import RESIDUE, clean, clean_abstract, lost_words

FILES = [("arxiv_cs_days/papers.jsonl.gz", 1), ("hf_daily/papers.jsonl.gz", 3), ("seed_papers.jsonl", 1)]
MOST_RESIDUE = 0.005


class Command(BaseCommand):
    help = (
        "Clean every title and abstract of the recorded data (every third of hf_daily) and print the share that still "
        "matches digest.text.RESIDUE, at most 0.5 %, and the count that lost a word of three letters or more, none. "
        "Exit codes: 0 both hold; 1 one does not, or the data are absent; 2 wrong arguments."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data", type=Path, required=True, help="the folder of recorded data")

    def handle(self, *, data: Path, **options: Any) -> None:
        total = residue = losses = 0
        for name, step in FILES:
            if not (data / name).is_file():
                raise CommandError(f"There is no {name} in {data}.", returncode=1)
            texts = list(_texts(data / name, step))
            left = [after for _, after in texts if RESIDUE.search(after)]
            lost = [words for before, after in texts if before != after and (words := lost_words(before, after))]
            self.stdout.write(f"{name}: {len(texts)} texts, {len(left)} with residue, {len(lost)} that lost a word")
            for example in [*left[:3], *(", ".join(words) for words in lost[:3])]:
                self.stdout.write(f"    {example[:160]}")
            total, residue, losses = total + len(texts), residue + len(left), losses + len(lost)
        self.stdout.write(f"All: {residue} of {total} ({residue / total:.2%}) with residue, {losses} that lost a word")
        if residue > MOST_RESIDUE * total or losses:
            raise CommandError("More than is allowed.", returncode=1)


def _texts(path: Path, step: int) -> Iterator[tuple[str, str]]:
    """(as the source wrote it, cleaned), white space folded in both."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt") as lines:
        for number, line in enumerate(lines):
            if number % step == 0:
                row = json.loads(line)
                for cleaner, text in ((clean, row["title"]), (clean_abstract, row["abstract"] or "")):
                    yield " ".join(text.split()), cleaner(text)
