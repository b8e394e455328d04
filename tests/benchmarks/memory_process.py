"""The processes that ``./run bench memory`` looks at: a worker and a web process, step by step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings

from tests.benchmarks.driver import Questions, Stopwatch

DAYS = 25


def fill(papers: int, today: int, readers: int) -> None:
    """Store and open 25 days, the last one with so many papers, and sign readers up."""
    import random

    from digest.editions.open_edition import open_edition
    from digest.models import Source
    from subscriptions.seed_data import seed_topics
    from tests.benchmarks import day

    seed_topics()
    dice, a_day = random.Random(9), (papers - today) // (DAYS - 1)
    for number in range(DAYS):
        moment = day.NOW - timedelta(days=DAYS - 1 - number)
        day.store_day(dice, moment, number=number * 2000, count=today if number == DAYS - 1 else a_day)
        open_edition(moment.date(), now=moment)
    Source.objects.update(active=False)  # nothing may leave this machine
    day.sign_up(readers)


def worker() -> dict[str, Callable[..., Any]]:
    from tests.benchmarks import driver, names_today

    def plan() -> None:
        from subscriptions.models import Subscriber

        driver.forget_deliveries(names_today)
        names_today.plan(list(Subscriber.objects.order_by("pk").values_list("pk", flat=True)))

    def deliver(port: int) -> None:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        names_today.deliver(lambda: names_today.NOW)

    def archive() -> None:
        from digest.editions.candidate_pool import CandidatePool

        CandidatePool.load(names_today.NOW)

    def imports() -> None:
        import digest.tasks  # noqa: F401 (what a worker imports)

    return {
        "imports": imports,
        "archive": archive,
        "plan": plan,
        "deliver": deliver,
        "plan_again": plan,
        "deliver_again": deliver,
    }


def web() -> dict[str, Callable[..., Any]]:
    def imports() -> None:
        from importlib import import_module

        for name in ("digest.config.wsgi", "digest.config.urls", "digest.preview.visitor"):
            import_module(name)

    def warm() -> None:
        from digest.preview import visitor
        from tests.benchmarks.day import NOW

        visitor.warm(NOW)

    def previews(count: int = 200) -> None:
        """Preview what the first readers want."""
        from digest.preview import visitor
        from subscriptions.models import Subscriber
        from subscriptions.preferences import Choices
        from tests.benchmarks.day import NOW

        for reader in Subscriber.objects.order_by("pk")[:count]:
            visitor.preview(Choices.of(reader), now=NOW)

    return {"imports": imports, "warm": warm, "first_preview": lambda: previews(1), "previews": previews}


def questions(kind: str) -> Questions:
    def timed(step: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
        def run(**given: Any) -> dict[str, Any]:
            with Stopwatch() as watch:
                step(**given)
            return {"cpu": watch.cpu, "wall": watch.wall}

        return run

    def limit() -> dict[str, Any]:
        return {"MiB": settings.CELERY_WORKER_MAX_MEMORY_PER_CHILD / 1024}

    return {"limit": limit} | {name: timed(step) for name, step in {"worker": worker, "web": web}[kind]().items()}
