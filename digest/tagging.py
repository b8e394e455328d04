"""What a reader can ask for, and which papers answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array

from digest.ranking.words import words
from digest.text import fold


class Text(Protocol):
    title: str
    abstract: str
    authors: Sequence[str]
    categories: Sequence[str]


@dataclass(frozen=True, slots=True)
class Rule:
    kind: str
    label: str
    categories: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()


def match(rules: Sequence[Rule], papers: Sequence[Text]) -> csr_array:
    out = np.zeros((len(papers), len(rules)), np.float32)
    for i, p in enumerate(papers):
        text = " " + " ".join(words(p.title + " . " + p.abstract)) + " "
        for j, r in enumerate(rules):
            out[i, j] = (
                any(c == x or x.startswith(c + ".") for c in r.categories for x in p.categories)
                or any(f" {' '.join(words(ph))} " in text for ph in r.phrases)
                or (r.kind == "author" and any(fold(r.label) == fold(a) for a in p.authors))
            )
    return csr_array(out)
