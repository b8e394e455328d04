"""A contender that times the ranking of 1,000 readers by 1,000 recorded papers.

It also runs in the tree of an earlier revision: the names of its tree are in the module that it is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from digest.ranking.features import ReaderBatch
from digest.ranking.personal import rank
from tests.benchmarks import driver

SIZE = 1000  # readers, and papers of the day
SET = "arxiv_authors"
KEYWORDS, TOPICS, OF_TOPIC, WANTED = 260, 40, 5, 5  # rules; phrases of a topic; rules that a reader wants
LIKES = {"words": 0, "15 likes": 15, "300 likes": 300}
ROUNDS = 9


class Draw:
    """The same readers and papers in each tree: all that is drawn is drawn in one order, from a fixed seed."""

    def __init__(self, folder: str, names: Any) -> None:
        self.tasks, self.names = names.recorded(Path(folder), SET), names
        random, archive = np.random.default_rng(3), self.tasks.archive
        often = np.argsort(-np.diff(archive.postings.indptr), kind="stable")[100:2100]
        words = sorted(word for word, number in archive.vocabulary.items() if number in set(often.tolist()))
        size = len(words) - 50  # where trees differ by a few words, the draws stay the same
        self.rules = [
            *(_rule("keyword", words[place]) for place in random.choice(size, KEYWORDS, replace=False)),
            *(_rule("topic", *(words[place] for place in random.choice(size, OF_TOPIC))) for _ in range(TOPICS)),
        ]
        self.matches = csr_array((random.random((SIZE, len(self.rules))) < 0.02).astype(float))
        wants = np.zeros((SIZE, len(self.rules)), np.float32)
        for row in wants:
            row[random.choice(len(self.rules), WANTED, replace=False)] = 1
        self.wants = csr_array(wants)
        count = len(archive.texts)
        self.liked = {name: [random.choice(count, some, replace=False) for _ in wants] for name, some in LIKES.items()}
        self.day = names.day_of(self.tasks, np.arange(SIZE))

    def cost(self, likes: str) -> dict[str, Any]:
        """Return the CPU seconds of ranking all readers with so many likes, the least of ROUNDS."""
        known = self.names.what_is_liked(self.tasks, self.liked[likes]) if LIKES[likes] else {}
        readers = ReaderBatch(wants=self.wants, hype=np.full(SIZE, 50.0), **known)
        allowed, costs = np.ones((SIZE, SIZE), np.bool_), []
        for _ in range(ROUNDS):
            papers = self.day.against(self.rules, self.matches)
            began = time.process_time()
            rank(papers, readers, allowed=allowed, limit=10)
            costs.append(time.process_time() - began)
        return {"cpu": min(costs)}


def _rule(kind: str, *phrases: str) -> SimpleNamespace:
    return SimpleNamespace(kind=kind, phrases=phrases)


def questions(names: str, folder: str) -> driver.Questions:
    """Answer with the names of a tree, which that module has, and the recorded sets of that folder."""
    draw: Callable[..., dict[str, Any]] = Draw(folder, import_module(names)).cost
    return {"cost": draw}
