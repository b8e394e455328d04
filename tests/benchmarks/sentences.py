"""Measure how often the chosen sentence of an abstract says what was done or found, beside four simple rules.

Labellers read 200 abstracts of the recorded data before there was a rule, and wrote down for each the sentences that
a demanding reader would accept, the best first. The rule was set on the half ``tune``; the half ``sealed`` judges
it: at least 80 % of its choices must be acceptable to each labeller. The labels are numbers of sentences, so an abstract
that is split otherwise today than when it was labelled is an error.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from digest.text import clean_abstract, sentences
from digest.text.extractive_summary import best
from tests.benchmarks.command_line import Refused, Result, add_data_option, find_data

LABELS = Path(__file__).with_name("sentence_labels.json")
LEAST = 0.8
NAMES = {"arxiv_cs_days": "id", "hf_daily": "id", "citeulike_a": "doc_id"}
_WE = re.compile(r"\bwe\b", re.I)


@dataclass(frozen=True, slots=True)
class Labelled:
    """The sentences of an abstract, and for each labeller the numbers (from 0) of those that are acceptable."""

    sentences: Sequence[str]
    accepted: dict[str, list[int]]


def add_options(parser: argparse.ArgumentParser) -> None:
    add_data_option(parser)


def run(given: argparse.Namespace, out: Console) -> Result:
    halves = read_labels(find_data(given.data), LABELS)
    figures: dict[str, Any] = {half: _shares(papers) for half, papers in halves.items()}
    out.print(_table(halves, figures))
    if all(len(paper.accepted) == 2 for papers in halves.values() for paper in papers):
        figures["kappa"] = {half: round(kappa(papers), 3) for half, papers in halves.items()}
        out.print(f"Cohen's kappa of the two labellers, sentence by sentence: {figures['kappa']}", markup=False)
    low = min(figures["sealed"]["the rule"].values())
    why_not = f"a labeller accepts only {low:.0%} of the sealed choices, less than {LEAST:.0%}." if low < LEAST else ""
    return Result(figures, why_not=why_not)


def read_labels(data: Path, labels: Path) -> dict[str, list[Labelled]]:
    """Return each half's papers. Raises Refused where an abstract is missing or split otherwise than labelled."""
    halves: dict[str, dict[str, dict[str, Any]]] = json.loads(labels.read_text())
    wanted = {name for papers in halves.values() for name in papers}
    texts = _abstracts(data, wanted)
    return {
        half: [_labelled(name, texts[name], row) for name, row in papers.items()] for half, papers in halves.items()
    }


def _abstracts(data: Path, wanted: set[str]) -> dict[str, str]:
    """Return the first abstract of each wanted paper, by its folder and id."""
    found: dict[str, str] = {}
    for folder, key in NAMES.items():
        path = data / folder / "papers.jsonl.gz"
        if not path.is_file():
            raise Refused(f"there is no {folder}/papers.jsonl.gz in {data}")
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                if (name := f"{folder}/{row[key]}") in wanted and row["abstract"]:
                    found.setdefault(name, row["abstract"])
    if missing := wanted - found.keys():
        raise Refused(f"{len(missing)} labelled papers are not in {data}, {min(missing)} for one")
    return found


def _labelled(name: str, abstract: str, row: dict[str, Any]) -> Labelled:
    split = sentences(clean_abstract(abstract))
    if len(split) != row["sentences"]:
        raise Refused(f"{name} is split into {len(split)} sentences; {row['sentences']} were labelled")
    accepted = {who: [number - 1 for number in numbers] for who, numbers in row["accepted"].items()}
    return Labelled(split, accepted)


def central(found: Sequence[str]) -> int:
    """Return the index of the sentence most like the whole abstract: cosine of the words' counts."""
    words = [Counter(re.findall(r"\w{3,}", sentence.lower())) for sentence in found]
    whole = sum(words, Counter[str]())

    def likeness(one: Counter[str]) -> float:
        norm = math.sqrt(sum(count * count for count in one.values()))
        return sum(count * whole[word] for word, count in one.items()) / norm if norm else 0.0

    return max(range(len(found)), key=lambda at: likeness(words[at]))


RULES: dict[str, Callable[[Sequence[str]], int]] = {
    "the rule": best,
    "first sentence": lambda _: 0,
    "last sentence": lambda found: len(found) - 1,
    "first with “we”": lambda found: next((at for at, one in enumerate(found) if _WE.search(one)), 0),
    "longest": lambda found: max(range(len(found)), key=lambda at: len(found[at])),
    "most central": central,
}


def _shares(papers: Iterable[Labelled]) -> dict[str, dict[str, float]]:
    """Return for each rule and labeller the share of papers whose chosen sentence is acceptable."""
    papers = list(papers)
    labellers = sorted(papers[0].accepted)
    return {
        name: {
            who: sum(rule(paper.sentences) in paper.accepted[who] for paper in papers) / len(papers)
            for who in labellers
        }
        for name, rule in RULES.items()
    }


def kappa(papers: Iterable[Labelled]) -> float:
    """Return Cohen's kappa of the two labellers over all sentences, each acceptable or not."""
    pairs = [
        tuple(at in numbers for _, numbers in sorted(paper.accepted.items()))
        for paper in papers
        for at in range(len(paper.sentences))
    ]
    agreed = sum(one == other for one, other in pairs) / len(pairs)
    first, second = (sum(column) / len(pairs) for column in zip(*pairs, strict=True))
    by_chance = first * second + (1 - first) * (1 - second)
    return (agreed - by_chance) / (1 - by_chance)


def _table(halves: dict[str, list[Labelled]], figures: dict[str, Any]) -> Table:
    table = Table(title="Chosen sentences that a labeller accepts")
    table.add_column("rule")
    columns = [(half, who) for half in halves for who in sorted(halves[half][0].accepted)]
    for half, who in columns:
        table.add_column(f"{half} ({len(halves[half])}), labeller {who}", justify="right")
    for name in RULES:
        table.add_row(name, *(f"{figures[half][name][who]:.0%}" for half, who in columns))
    return table
