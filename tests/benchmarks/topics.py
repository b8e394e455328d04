"""Measure how well the default topics' rules file papers, beside those of the earlier version and two people.

Prints precision, recall and F1 over all pairs of paper and topic for 200 labelled papers: the half on which the rules
were tuned, and the half that was labelled before and looked at once.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from digest.ranking.matching import Rule, match
from subscriptions.default_topics import FORMER, TOPICS, phrases_in
from tests.benchmarks.command_line import Refused, Result, add_data_option, find_data

LABELS = Path(__file__).parent / "topic_labels.json"  # half -> arXiv id -> labeller -> slugs
SETS = ("arxiv_cs_days", "hf_daily")  # with categories, and without
LEAST = {"tune": 0.79, "sealed": 0.75}  # F1 that is accepted
Pairs = set[tuple[str, str]]  # paper, topic


@dataclass(frozen=True, slots=True)
class Text:
    """A paper as rules see it."""

    title: str
    abstract: str
    categories: tuple[str, ...]
    authors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """How well some pairs of paper and topic agree with others."""

    precision: float
    recall: float
    f1: float


def add_options(parser: argparse.ArgumentParser) -> None:
    add_data_option(parser)


def run(given: argparse.Namespace, out: Console) -> Result:
    halves = evaluate_topics(find_data(given.data))
    out.print(f"{'':34} precision  recall     F1", markup=False, soft_wrap=True)
    for half, scores in halves.items():
        for name, score in scores.items():
            line = f"{half:7} {name:26} {score.precision:9.3f} {score.recall:7.3f} {score.f1:6.3f}"
            out.print(line, markup=False, soft_wrap=True)
    low = [half for half, least in LEAST.items() if halves[half]["rules"].f1 < least]
    figures = {half: {name: asdict(score) for name, score in scores.items()} for half, scores in halves.items()}
    return Result(
        {"topics": figures, "least": LEAST}, why_not=f"F1 is below what is accepted: {', '.join(low)}." if low else ""
    )


def evaluate_topics(data: Path) -> dict[str, dict[str, Score]]:
    """Return for each half the scores of the rules and of the earlier ones against the first labeller.

    With a second labeller there are two more: the rules against them, and the two people against each other. Raises
    Refused where a paper is missing.
    """
    labels = json.loads(LABELS.read_text())
    texts = texts_in(data, {paper for half in labels.values() for paper in half})
    found = {}
    for half, papers in labels.items():
        some = {paper: texts[paper] for paper in papers}
        people = {name: pairs_of(papers, name) for name in ("first", "second")}
        now, before = filed(rules_of_today(), some), filed(rules_of_before(), some)
        found[half] = {"rules": score(now, people["first"]), "earlier rules": score(before, people["first"])}
        if people["second"]:
            found[half]["rules, second labeller"] = score(now, people["second"])
            found[half]["earlier rules, second labeller"] = score(before, people["second"])
            found[half]["second labeller"] = score(people["second"], people["first"])
    return found


def pairs_of(papers: Mapping[str, Mapping[str, Sequence[str]]], labeller: str) -> Pairs:
    return {(paper, slug) for paper, said in papers.items() for slug in said.get(labeller, ())}


def score(found: Pairs, wanted: Pairs) -> Score:
    right = len(found & wanted)
    return Score(right / max(len(found), 1), right / max(len(wanted), 1), 2 * right / max(len(found) + len(wanted), 1))


def filed(rules: Sequence[Rule], texts: Mapping[str, Text]) -> Pairs:
    """Return which topics the rules give these papers."""
    papers = list(texts)
    matches = match(rules, list(texts.values())).tocoo()
    return {(papers[row], rules[column].key) for row, column in zip(matches.row, matches.col, strict=True)}


def rules_of_today() -> list[Rule]:
    return [
        Rule("topic", topic.slug, topic.name, topic.categories, topic.keywords)
        for some in TOPICS.values()
        for topic in some
    ]


def rules_of_before() -> list[Rule]:
    """Return the rules of the version before."""
    former = {slug: (tuple(rules[-1][0].split()), phrases_in(rules[-1][1])) for slug, rules in FORMER.items()}
    return [
        Rule(rule.kind, rule.key, rule.label, *former.get(rule.key, (rule.categories, rule.keywords)))
        for rule in rules_of_today()
    ]


def texts_in(data: Path, wanted: set[str]) -> dict[str, Text]:
    """Return the recorded papers with these ids. Raises Refused if one is missing."""
    found: dict[str, Text] = {}
    for name in SETS:
        path = data / name / "papers.jsonl.gz"
        if not path.exists():
            raise Refused(f"{path} is missing")
        with gzip.open(path, "rt") as lines:
            rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
        for row in rows:
            if row["id"] in wanted and row["id"] not in found:
                found[row["id"]] = Text(row["title"], row["abstract"] or "", tuple(row.get("categories") or ()))
    if missing := wanted - found.keys():
        raise Refused(f"{len(missing)} labelled papers are not in {data}")
    return found
