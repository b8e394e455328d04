"""Read the recorded papers that search is measured on, cleaned as the product cleans them; more are made of them."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from digest.text import clean, clean_abstract, clean_name
from tests.benchmarks.known_items import Recorded

FILES = ("hf_daily", "arxiv_cs_days", "arxiv_authors", "csfcube")


def recorded(folder: Path, most: int) -> list[Recorded]:
    """Return so many recorded papers, each once, in the order of the files."""
    found: dict[str, Recorded] = {}
    for name in FILES:
        for row in _lines(folder / name / "papers.jsonl.gz"):
            key = f"arxiv:{row['id']}" if "id" in row else f"guid:{row['doc_id']}"
            if key not in found and len(found) < most:
                found[key] = Recorded(
                    key,
                    clean(row["title"]),
                    clean_abstract(row["abstract"] or ""),
                    tuple(clean_name(one) for one in _names(row.get("authors"))),
                    tuple(_categories(row.get("categories"))),
                )
    return [paper for paper in found.values() if paper.title]


def invented(papers: Sequence[Recorded], count: int, *, seed: int) -> Iterator[Recorded]:
    """Make papers of recorded words: two halves of titles, sentences of four abstracts, and authors of three lists."""
    dice = random.Random(seed)
    for number in range(count):
        some = dice.sample(papers, 4)
        first, second = (paper.title.split() for paper in some[:2])
        sentences = [
            sentence for paper in some for sentence in dice.sample(_sentences(paper), min(2, len(_sentences(paper))))
        ]
        names = [name for paper in some[:3] for name in paper.authors[:2]]
        title = " ".join([*first[: len(first) // 2 + 1], *second[len(second) // 2 :]])
        yield Recorded(f"guid:invented/{number}", title, " ".join(sentences), tuple(names), some[0].categories)


def _sentences(paper: Recorded) -> list[str]:
    return re.split(r"(?<=[.?!])\s+", paper.abstract)


def _lines(path: Path) -> Iterator[dict]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _names(given: object) -> list[str]:
    return given if isinstance(given, list) else str(given or "").split(", ") if given else []


def _categories(given: object) -> list[str]:
    return given if isinstance(given, list) else str(given or "").split()
