"""Measure how much raw TeX is left in cleaned titles and abstracts, and which words were lost.

Cleans every title and abstract of the recorded data (every third of hf_daily) and prints the share that still matches
RESIDUE, at most 0.5 %, and the count that lost a word of three letters or more, none. Formulas in MathML, which the
recorded data does not have, are invented ones: none may be shown otherwise than it should.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from digest.text import clean, clean_abstract
from tests.benchmarks.command_line import Refused, Result, add_data_option, find_data
from tests.benchmarks.residue import RESIDUE, lost_words
from tests.support.formulas import FORMULAS, spellings

FILES = [("arxiv_cs_days/papers.jsonl.gz", 1), ("hf_daily/papers.jsonl.gz", 3), ("seed_papers.jsonl", 1)]
MOST_RESIDUE = 0.005


def add_options(parser: argparse.ArgumentParser) -> None:
    add_data_option(parser)


def run(given: argparse.Namespace, out: Console) -> Result:
    data = find_data(given.data)
    for name, _ in FILES:
        if not (data / name).is_file():
            raise Refused(f"there is no {name} in {data}")
    found = []
    for name, step in FILES:
        found.append(one := _measure(data, name, step))
        _print(
            out, f"{name}: {one['texts']} texts, {one['residue']} with residue, {one['lost_words']} that lost a word"
        )
        for example in one["examples"]:
            _print(out, f"    {example[:160]}")
    total, residue, losses = (sum(one[what] for one in found) for what in ("texts", "residue", "lost_words"))
    share = residue / total if total else 0.0
    _print(out, f"All: {residue} of {total} ({share:.2%}) with residue, {losses} that lost a word")
    figures = {
        "files": found,
        "texts": total,
        "residue": residue,
        "lost_words": losses,
        "share": share,
        "most_residue": MOST_RESIDUE,
    }
    wrong = wrong_formulas()
    _print(out, f"MathML: {len(wrong)} of {sum(len(spellings(one)) for one, _ in FORMULAS)} formulas shown wrongly")
    for example in wrong[:3]:
        _print(out, f"    {example[:160]}")
    figures["wrong_formulas"] = len(wrong)
    too_much = share > MOST_RESIDUE or losses or wrong
    return Result(figures, why_not="more residue, lost words or wrong formulas than is allowed." if too_much else "")


def _measure(data: Path, name: str, step: int) -> dict[str, Any]:
    """Count a file's texts, those with residue and those that lost a word, with three examples of each."""
    pairs = list(texts(data / name, step))
    left = [after for _, after in pairs if RESIDUE.search(after)]
    lost = [words for before, after in pairs if before != after and (words := lost_words(before, after))]
    examples = [*left[:3], *(", ".join(words) for words in lost[:3])]
    return {"name": name, "texts": len(pairs), "residue": len(left), "lost_words": len(lost), "examples": examples}


def wrong_formulas() -> list[str]:
    """Return each formula of MathML that is not shown as it should be, with what is shown."""
    pairs = [(spelled, shown) for formula, shown in FORMULAS for spelled in spellings(formula)]
    return [f"{clean(spelled)} for {shown}" for spelled, shown in pairs if clean(spelled) != shown]


def texts(path: Path, step: int) -> Iterator[tuple[str, str]]:
    """Return each title and abstract as the source wrote it and cleaned, white space folded in both."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if number % step == 0:
                row = json.loads(line)
                for cleaner, text in ((clean, row["title"]), (clean_abstract, row["abstract"] or "")):
                    yield " ".join(text.split()), cleaner(text)


def _print(out: Console, text: str) -> None:
    out.print(text, markup=False, soft_wrap=True)
