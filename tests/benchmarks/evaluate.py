"""Rank recorded readers and recorded votes by the functions that the daily job runs.

**ranking_tasks**: a case is one reader (typed words and categories, or liked papers) and a pool of papers that stands
for a day. Measured is nDCG@10; a user's cases are averaged first, then the users. No popularity and no floor, so that
the whole pool is ranked; word rarity, means and echoes come from all papers of the set. Beside it stands a plain BM25
of the words, or of every word of the liked papers.

**hf_daily**: a morning reading of votes against the most votes seen later. A is one day's papers; B is today's
and yesterday's together, yesterday's as of midnight. overlap@5 is the share of the true first five among the first
five; hours count from ``submitted_on_daily``. Every day of the folder with at least 10 papers counts.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from digest.ranking.archive import Archive
from digest.ranking.features import PaperMatrix, ReaderBatch
from digest.ranking.meaning import DayVectors, Space
from digest.ranking.personal import rank
from digest.ranking.profiles import Profile, Profiles
from digest.ranking.trending import Reading, trending_scores
from digest.ranking.words import STOP_WORDS

TASKS = ("k0", "k5", "k15", "q1")
# by set and task: the least that is accepted without a model of titles, and the goal with one
LEAST_AND_GOAL = {
    "citeulike_a": {"k0": (0.216, 0.230), "k5": (0.283, 0.299), "k15": (0.357, 0.375)},
    "citeulike_titles": {"k0": (0.400, 0.425), "k5": (0.509, 0.549), "k15": (0.533, 0.567)},
    "arxiv_authors": {"k0": (0.372, 0.372), "k5": (0.547, 0.547), "k15": (0.638, 0.638)},
    "hf_authors": {"k0": (0.106, 0.107), "k5": (0.178, 0.181), "k15": (0.226, 0.240)},
    "csfcube": {"q1": (0.531, 0.570)},
}

TOLERANCE = 0.01  # a figure this far below the least is still accepted

FIRST, FEWEST = 5, 10  # a pool of fewer papers says little about its first five
OURS, LEAST_OVERLAP = "trending_scores", 0.77  # on two-day pools
HOUR = timedelta(hours=1)

Embed = Callable[[list[str]], NDArray[np.float32]]
"""Returns a vector for each text."""

Progress = Callable[[int], None]
"""Called with the number of cases done since the last call."""


class DataUnreadable(Exception):
    """The folder does not hold what the bench reads; the message is one sentence that names what is missing."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the ranking table: means over the users of a task."""

    name: str
    task: str
    cases: int
    users: int
    baseline: float
    ours: float
    interval: tuple[float, float]  # 95 %, by a bootstrap over the users
    least: float | None
    goal: float | None

    @property
    def enough(self) -> bool:
        """Whether the figure is accepted: at least the least, within the tolerance, where there is one."""
        return self.least is None or self.ours >= self.least - TOLERANCE


@dataclass(frozen=True, slots=True)
class Case:
    """One reader and one pool: ids of liked and pooled papers, and the gain of each relevant one."""

    task: str
    user: str
    words: tuple[str, ...]
    categories: tuple[str, ...]
    likes: tuple[str, ...]
    pool: tuple[str, ...]
    relevant: dict[str, float]


@dataclass(frozen=True, slots=True)
class Rule:
    """A typed word or a category, as ``PaperMatrix.of`` wants to see it."""

    kind: str
    phrases: tuple[str, ...] = ()


class TaskSet:
    """A set's papers, read into matrices once, and its cases."""

    def __init__(self, folder: Path, name: str, embed: Embed | None = None) -> None:
        papers = list(_lines(folder / f"{name}.papers.jsonl.gz"))
        self.name = name
        self.row = {paper["id"]: index for index, paper in enumerate(papers)}
        self.categories = [set(paper.get("categories") or ()) for paper in papers]
        self.texts = [f"{paper['title']}. {paper['abstract']}" for paper in papers]
        self.cases = [
            Case(
                task=case["task"],
                user=case["user"],
                words=() if case["likes"] else tuple(case["words"]),  # k5 and k15 are about likes alone
                categories=tuple(case["categories"]),
                likes=tuple(case["likes"]),
                pool=tuple(case["pool"]),
                relevant=case["relevant"],
            )
            for case in _lines(folder / f"{name}.cases.jsonl.gz")
        ]
        self.archive = Archive.of(self.texts)
        self.baseline = Baseline(self.texts)
        self.embed, self.space = embed, None
        if embed:
            self.vectors = embed([paper["title"] for paper in papers]).astype(np.float16).astype(np.float32)
            self.space = Space.of(self.vectors)

    def profile(self, liked: NDArray[np.int64]) -> Profile:
        """The profile of these papers, as ``digest.reader_data.profiles`` makes it."""
        made = Profile.of([self.texts[row] for row in liked])
        every = [one for row in liked for one in self.categories[row]]
        shares = {one: every.count(one) / len(liked) for one in set(every)}
        if self.space is None:
            return replace(made, categories=shares)
        return replace(made, categories=shares, vector=self.vectors[liked].mean(axis=0), vector_weight=1.0)

    def stated(self, words: Iterable[str]) -> NDArray[np.float32] | None:
        return self.embed([", ".join(words)]) if self.embed else None

    def rows(self, ids: Iterable[str]) -> NDArray[np.int64]:
        return np.array([self.row[one] for one in ids], np.int64)


class Baseline:
    """BM25 on lower-case words with k1 1.5 and b .75, and nothing else."""

    TOKEN = re.compile(r"[a-z][a-z0-9-]+")

    def __init__(self, texts: Iterable[str]) -> None:
        vocabulary: dict[str, int] = {}
        entries: list[tuple[int, int]] = []
        size = 0
        for size, text in enumerate(texts, 1):
            entries += [(size - 1, vocabulary.setdefault(word, len(vocabulary))) for word in self.tokens(text)]
        rows, columns = np.array(entries, np.int64).reshape(-1, 2).T
        counts = csr_array((np.ones(len(rows)), (rows, columns)), shape=(size, len(vocabulary)))
        having = np.bincount(counts.indices, minlength=len(vocabulary))
        self.rarity = np.log1p((size - having + 0.5) / (having + 0.5))
        lengths = counts.sum(axis=1)
        held_back = np.repeat(1.5 * (0.25 + 0.75 * lengths / lengths.mean()), np.diff(counts.indptr))
        self.weights = counts.copy()
        self.weights.data = counts.data * 2.5 / (counts.data + held_back) * self.rarity[counts.indices]
        self.counts, self.vocabulary = counts, vocabulary

    def tokens(self, text: str) -> list[str]:
        return [word for word in self.TOKEN.findall(text.lower()) if word not in STOP_WORDS]

    def scores(self, case: Case, rows: NDArray[np.int64], liked: NDArray[np.int64]) -> NDArray[np.float64]:
        query = np.zeros(len(self.vocabulary))
        for word in self.tokens(" ".join(case.words)):
            if word in self.vocabulary:
                query[self.vocabulary[word]] += 1
        if len(liked):
            found = self.counts[liked].tocoo()
            np.add.at(query, found.coords[1], (1 + np.log(found.data)) / len(liked))
            query *= self.rarity
        return np.asarray(self.weights[rows] @ query)


def sets(folder: Path) -> dict[str, int]:
    """The sets in a folder of ranking tasks, by name, and how many cases each has. Raises DataUnreadable."""
    found = sorted(folder.glob("*.cases.jsonl.gz"))
    if not found:
        raise DataUnreadable(f"There are no ranking tasks (NAME.cases.jsonl.gz) in {folder}.")
    return {path.name.removesuffix(".cases.jsonl.gz"): sum(1 for _ in _lines(path)) for path in found}


def evaluate_ranking(
    folder: Path,
    *,
    name: str,
    task: str = "all",
    most: int | None = None,
    embed: Embed | None = None,
    progress: Progress = lambda done: None,
) -> list[Line]:
    """The table's rows for one set, one per task found in it, over the first ``most`` cases. Raises DataUnreadable."""
    tasks = TaskSet(folder, name, embed)
    baseline: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    ours: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    dice = np.random.default_rng(7)
    for case in [case for case in tasks.cases if task in ("all", case.task)][:most]:
        # some pools are written best first, which would flatter a ranking with ties
        case = replace(case, pool=tuple(dice.permutation(case.pool).tolist()))
        rows = tasks.rows(case.pool)
        liked = tasks.rows(case.likes)
        plain = np.argsort(-tasks.baseline.scores(case, rows, liked), kind="stable")
        baseline[case.task][case.user].append(ndcg([case.pool[i] for i in plain[:10]], case.relevant))
        order = rank_case(tasks, case, rows, liked)
        ours[case.task][case.user].append(ndcg([case.pool[i] for i in order if i >= 0], case.relevant))
        progress(1)
    return [
        Line(
            tasks.name,
            found,
            sum(map(len, ours[found].values())),
            len(ours[found]),
            float(np.mean([np.mean(gains) for gains in baseline[found].values()])),
            float(np.mean([np.mean(gains) for gains in ours[found].values()])),
            bootstrap([float(np.mean(gains)) for gains in ours[found].values()]),
            *LEAST_AND_GOAL.get(name, {}).get(found, (None, None)),
        )
        for found in TASKS
        if found in ours
    ]


def rank_case(
    tasks: TaskSet, case: Case, rows: NDArray[np.int64], liked: NDArray[np.int64], limit: int = 10
) -> NDArray[np.int64]:
    """The case's pool in the product's order: places in the pool, best first."""
    rules = [Rule("keyword", (word,)) for word in case.words] + [Rule("category") for _ in case.categories]
    wanted = np.array([[category in tasks.categories[row] for category in case.categories] for row in rows], float)
    typed = np.zeros((len(rows), len(case.words)))
    papers = PaperMatrix.of(
        tasks.archive.texts[rows],
        archive=tasks.archive,
        rules=rules,
        matches=csr_array(np.hstack([typed, wanted.reshape(len(rows), -1)])),
        vectors=DayVectors(tasks.vectors[rows], tasks.space) if tasks.space else None,
        categories=[sorted(tasks.categories[row]) for row in rows],
    )
    readers = ReaderBatch(
        wants=csr_array(np.ones((1, len(rules)))),
        hype=np.zeros(1),
        profiles=Profiles.of([tasks.profile(liked)]) if len(liked) else None,
        stated=tasks.stated(case.words) if case.words else None,
        floor=False,
    )
    everything = np.ones((1, len(rows)), np.bool_)
    order: NDArray[np.int64] = rank(papers, readers, allowed=everything, limit=limit).order[0]
    return order


def ndcg(ids: list[str], relevant: dict[str, float]) -> float:
    """nDCG@10 of a list of ids, given the gains of the relevant ones; 0 when none is relevant."""
    ideal = sorted(relevant.values(), reverse=True)[:10]
    best = sum(gain / np.log2(place + 2) for place, gain in enumerate(ideal))
    found = sum(relevant.get(one, 0) / np.log2(place + 2) for place, one in enumerate(ids[:10]))
    return float(found / best) if best else 0.0


def bootstrap(values: list[float], *, times: int = 1000) -> tuple[float, float]:
    """The 95 % interval of a mean, by drawing as many of the values with replacement."""
    draws = np.random.default_rng(7).choice(np.array(values), (times, len(values))).mean(axis=1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def _lines(path: Path) -> Iterator[Any]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise DataUnreadable(f"{path} is not JSON at line {number}.") from error
    except (OSError, EOFError) as error:
        raise DataUnreadable(f"{path} cannot be read: {error}.") from error


@dataclass(frozen=True, slots=True)
class Overlap:
    """One row of the trending table: mean overlap@5 over the days, None for a pool with no day."""

    score: str
    one_day: float | None
    two_days: float | None


@dataclass(frozen=True, slots=True)
class Pool:
    """What was known one morning, and the most votes each paper was seen with later."""

    now: datetime
    readings: tuple[Reading, ...]
    later: tuple[int, ...]


def evaluate_trending(folder: Path) -> tuple[list[Overlap], int, int]:
    """The trending table, and the number of one-day and of two-day pools. Raises DataUnreadable."""
    one_day, two_days = pools(folder)
    scores: dict[str, Callable[[Pool], float]] = {
        OURS: lambda pool: overlap(by_product(pool), pool),
        "upvotes": lambda pool: overlap(_upvotes(pool), pool),
        "Hacker News": lambda pool: overlap(_hacker_news(pool), pool),
        "random": lambda pool: FIRST / len(pool.readings),
    }
    overlaps = [
        Overlap(name, _mean([score(pool) for pool in one_day]), _mean([score(pool) for pool in two_days]))
        for name, score in scores.items()
    ]
    return overlaps, len(one_day), len(two_days)


def pools(folder: Path) -> tuple[list[Pool], list[Pool]]:
    """The one-day (A) and two-day (B) pools of at least 10 papers, each paper listed with its hour and read later."""
    days, later = recorded_votes(folder)
    one_day, two_days = [], []
    for day, morning in sorted(days.items()):
        now = max(reading.seen_at for reading in morning)
        one_day.append(pool_of(now, morning, later))
        midnight = [
            replace(reading, seen_at=at, points=votes)
            for reading in days.get(day - timedelta(days=1), ())
            for at, votes, feed in later[str(reading.paper)]
            if feed == "daily" and timedelta(0) <= at - datetime(day.year, day.month, day.day, tzinfo=UTC) < HOUR
        ]
        if midnight:
            two_days.append(pool_of(now, morning + midnight, later))
    return [pool for pool in one_day if len(pool.readings) >= FEWEST], [
        pool for pool in two_days if len(pool.readings) >= FEWEST
    ]


def recorded_votes(folder: Path) -> tuple[dict[date, list[Reading]], dict[str, list[tuple[datetime, int, str]]]]:
    """The readings in the morning by day, and the later votes by paper, with time and feed."""
    later: dict[str, list[tuple[datetime, int, str]]] = defaultdict(list)
    for reading in _lines(folder / "later_upvotes.jsonl.gz"):
        for paper, votes in reading["upvotes"].items():
            later[paper].append((_time(reading["snapshot"]), votes, reading["feed"]))
    days: dict[date, list[Reading]] = defaultdict(list)
    for paper in _lines(folder / "papers.jsonl.gz"):
        if paper["submitted_on_daily"] and paper["upvotes"] is not None:
            days[date.fromisoformat(paper["day"])].append(
                Reading(
                    paper=paper["id"],
                    source="hf",
                    seen_at=_time(paper["snapshot"]),
                    listed_at=_time(paper["submitted_on_daily"]),
                    points=paper["upvotes"],
                )
            )
    return days, later


def overlap(scores: NDArray[np.float64], pool: Pool) -> float:
    """The share of the papers with most votes later that are among the first five by score."""
    true = np.argsort(-np.array(pool.later), kind="stable")[:FIRST]
    found = np.argsort(-scores, kind="stable")[:FIRST]
    return len(set(true) & set(found)) / FIRST


def pool_of(now: datetime, readings: list[Reading], later: dict[str, list[tuple[datetime, int, str]]]) -> Pool:
    most = [
        (reading, max((votes for at, votes, _ in later[str(reading.paper)] if at > now), default=None))
        for reading in readings
    ]
    known = [(reading, votes) for reading, votes in most if votes is not None]
    return Pool(now, tuple(reading for reading, _ in known), tuple(votes for _, votes in known))


def by_product(pool: Pool) -> NDArray[np.float64]:
    return trending_scores([reading.paper for reading in pool.readings], pool.readings, now=pool.now).score


def _upvotes(pool: Pool) -> NDArray[np.float64]:
    return np.array([reading.points for reading in pool.readings], float)


def _hacker_news(pool: Pool) -> NDArray[np.float64]:
    hours = np.array([(pool.now - (reading.listed_at or pool.now)) / HOUR for reading in pool.readings])
    score: NDArray[np.float64] = (_upvotes(pool) - 1) / (np.maximum(hours, 0) + 2) ** 1.8
    return score


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
