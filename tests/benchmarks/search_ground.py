"""Fill this installation's database with recorded papers, and measure searches on it; run as a script by ``search``."""

from __future__ import annotations

import gzip
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean, median
from typing import Any

import django
import numpy as np
from django.conf import settings

django.setup()

from django.db import connection, transaction

from digest.identifiers.canonical import title_identifier
from digest.models import Edition, Identifier, Paper, TitleVector, VectorModel
from digest.ranking.meaning import DayVectors, Floats, Space
from digest.search import index, search, similar
from digest.search.analysis import field
from digest.search.likeness import MEANING, Text, likeness
from digest.search.vocabulary import paper_count
from digest.semantic.onnx_model import OnnxModel
from tests.benchmarks import search_by_like
from tests.benchmarks.cpu import cpu_clock, p95
from tests.benchmarks.evaluate import ndcg
from tests.benchmarks.known_items import Item, Recorded, known_items
from tests.benchmarks.recorded_papers import invented, recorded

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
A_DAY, SLICE = 500, 2000


def fill(papers: Sequence[Recorded]) -> dict[str, float]:
    """Store papers as if each day had brought some hundreds, and index them as an upgrade does, its GIN index last.

    Return the seconds of both and the index's bytes.
    """
    clock = cpu_clock()
    begun, used = time.perf_counter(), clock()
    for start in range(0, len(papers), SLICE):
        with transaction.atomic():
            _store(papers[start : start + SLICE], start)
    _open_editions()
    stored = {"store_seconds": time.perf_counter() - begun, "store_cpu_seconds": clock() - used}
    begun, used = time.perf_counter(), clock()
    _index()
    indexed = {"index_seconds": time.perf_counter() - begun, "index_cpu_seconds": clock() - used}
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return stored | indexed | {"index_bytes": _size()}


def _store(papers: Sequence[Recorded], start: int) -> None:
    rows = Paper.objects.bulk_create(_row(paper, start + at) for at, paper in enumerate(papers))
    names = [Identifier(value=paper.key, paper=row) for paper, row in zip(papers, rows, strict=True)]
    names += [Identifier(value=title_identifier(row.title), paper=row) for row in rows]
    Identifier.objects.bulk_create(names, ignore_conflicts=True)


def _open_editions() -> None:
    """Make each paper a candidate of its day's edition."""
    moments = Paper.objects.order_by("first_seen_at").values_list("first_seen_at", flat=True).distinct()
    Edition.objects.bulk_create(Edition(date=moment.date(), opened_at=moment) for moment in moments)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO digest_editionpaper (edition_id, paper_id, inputs, card)"
            " SELECT edition.id, paper.id, '{}', '{}' FROM digest_paper paper"
            " JOIN digest_edition edition ON edition.opened_at = paper.first_seen_at ORDER BY paper.id"
        )


def _index() -> None:
    gin: list[str] = []
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'searchtext_terms'")
            gin = [row[0] for row in cursor.fetchall()]
            cursor.execute("DROP INDEX searchtext_terms")
    for start in range(0, paper_count(), SLICE):
        with transaction.atomic():
            index(list(Paper.objects.filter(pk__gt=start, pk__lte=start + SLICE).order_by("pk")))
    with connection.cursor() as cursor:
        for statement in gin:
            cursor.execute(statement)


def _row(paper: Recorded, at: int) -> Paper:
    return Paper(
        identifier=paper.key,
        title=paper.title,
        abstract=paper.abstract,
        authors=list(paper.authors),
        categories=list(paper.categories),
        first_seen_at=NOW - timedelta(days=600) + timedelta(days=at // A_DAY),
    )


def _size() -> int:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT pg_total_relation_size('digest_searchtext') + pg_total_relation_size('digest_searchword')"
            )
        else:
            cursor.execute("SELECT sum(pgsize) FROM dbstat WHERE name LIKE '%digest_search%'")
        return int(cursor.fetchone()[0])


def measure(items: Sequence[Item], find: Callable[[str], Sequence[int]]) -> dict[str, dict[str, float]]:
    """Return recall@1, @5, MRR and the median and 95th percentile of milliseconds by kind, on the clock and of CPU."""
    keys = dict(Paper.objects.values_list("pk", "identifier"))
    clock = cpu_clock()
    found: dict[str, list[tuple[int, float, float]]] = {}
    for item in items:
        begun, used = time.perf_counter(), clock()
        ids = find(item.typed)
        spent, cpu = (time.perf_counter() - begun) * 1000, (clock() - used) * 1000
        place = next((at for at, pk in enumerate(ids, 1) if keys[pk] == item.key), 0)
        found.setdefault(item.kind, []).append((place, spent, cpu))
    return {kind: _figures(pairs) for kind, pairs in found.items()}


def _figures(rows: Sequence[tuple[int, float, float]]) -> dict[str, Any]:
    places, spent, cpu = zip(*rows, strict=True)
    return {
        "items": len(rows),
        "recall_at_1": mean(place == 1 for place in places),
        "recall_at_5": mean(0 < place <= 5 for place in places),
        "mrr": mean(1 / place if place else 0 for place in places),
        **_milliseconds(spent, cpu),
        "all": list(zip(spent, cpu, strict=True)),
    }


def _milliseconds(spent: Sequence[float], cpu: Sequence[float]) -> dict[str, float]:
    """Return medians and 95th percentiles of the time on the clock and of processor time, the database's with it."""
    return {
        "median_ms": median(spent),
        "p95_ms": p95(sorted(spent)),
        "cpu_median_ms": median(cpu),
        "cpu_p95_ms": p95(sorted(cpu)),
    }


def total(kinds: dict[str, Any]) -> dict[str, float]:
    spent, cpu = zip(*(one for figures in kinds.values() for one in figures.pop("all")), strict=True)
    return {
        "mean_recall_at_5": mean(figures["recall_at_5"] for figures in kinds.values()),
        "mean_recall_at_1": mean(figures["recall_at_1"] for figures in kinds.values()),
        **_milliseconds(spent, cpu),
    }


def similarity(data: Path, *, seed: int, model: OnnxModel | None) -> dict[str, float]:
    """Return nDCG@10 on csfcube's pools, shuffled, and the median milliseconds of ``similar`` for a hundred papers."""
    tasks = list(_lines(data / "ranking_tasks" / "csfcube.cases.jsonl.gz"))
    papers = {row["id"]: row for row in _lines(data / "ranking_tasks" / "csfcube.papers.jsonl.gz")}
    texts = {key: Text.of(field(row["title"]).terms, field(row["abstract"]).terms) for key, row in papers.items()}
    having = Counter(term for text in texts.values() for term in text.terms)
    vectors = _whitened([row["title"] for row in papers.values()], model) if model else np.zeros((len(papers), 1))
    vector_of = dict(zip(papers, vectors, strict=True))
    dice = random.Random(seed)
    gains = defaultdict(list)
    for task in tasks:
        pool = dice.sample(task["pool"], len(task["pool"]))
        (liked,) = task["likes"]
        scores = likeness(texts[liked], [texts[key] for key in pool], having, len(texts))
        cosines = [float(vector_of[key] @ vector_of[liked]) for key in pool]
        scores = [score + MEANING * max(one, 0) for score, one in zip(scores, cosines, strict=True)]
        best = sorted(range(len(pool)), key=lambda place, scores=scores: -scores[place])
        gains[task["user"]].append(ndcg([pool[place] for place in best[:10]], task["relevant"]))
    clock, spent, cpu = cpu_clock(), [], []
    similar(Paper.objects.values_list("pk", flat=True)[0], now=NOW)
    for pk in dice.sample(list(Paper.objects.values_list("pk", flat=True)), 100):
        begun, used = time.perf_counter(), clock()
        similar(pk, now=NOW)
        spent.append((time.perf_counter() - begun) * 1000)
        cpu.append((clock() - used) * 1000)
    return {"ndcg": mean(map(mean, gains.values())), **_milliseconds(spent, cpu)}


def _whitened(titles: Sequence[str], model: OnnxModel) -> Floats:
    vectors = model.embed(titles)
    return DayVectors(vectors, Space.of(vectors)).whitened


def store_vectors(model: OnnxModel) -> None:
    """Store the vectors of all titles, as a model that serves has them."""
    papers = list(Paper.objects.values_list("pk", "title"))
    vectors = model.embed([title for _, title in papers])
    space = Space.of(vectors[-10_000:])
    row = VectorModel.objects.create(
        name=model.name,
        dimension=vectors.shape[1],
        serving=True,
        made_at=NOW,
        space_made_at=NOW,
        space=np.concatenate([space.mean, space.whitening.ravel()]).astype("<f4").tobytes(),
    )
    TitleVector.objects.bulk_create(
        [
            TitleVector(paper_id=pk, model=row, vector=vector.astype("<f2").tobytes())
            for (pk, _), vector in zip(papers, vectors, strict=True)
        ],
        batch_size=SLICE,
    )


def _lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def main(data: str, count: str, seed: str, with_old: str, folder: str) -> None:
    begun = time.perf_counter()
    papers = recorded(Path(data), min(int(count), 20_000))
    items = known_items(papers, seed=int(seed))
    papers += list(invented(papers, int(count) - len(papers), seed=int(seed)))
    figures: dict[str, Any] = {"papers": len(papers), "read_seconds": time.perf_counter() - begun}
    figures |= fill(papers)
    model = OnnxModel(Path(folder)) if folder else None
    if model:
        settings.SEMANTIC_MODEL = folder
        store_vectors(model)
    figures["similar"] = similarity(Path(data), seed=int(seed), model=model)
    finders: dict[str, Callable[[str], Sequence[int]]] = {"new": lambda typed: search(typed, now=NOW).papers}
    if with_old == "old":
        finders["old"] = lambda typed: search_by_like.search(typed, now=NOW).papers
    for name, find in finders.items():
        find("warm up")
        kinds = measure(items, find)
        figures[name] = {"kinds": kinds, **total(kinds)}
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:6])
