"""A crowd of invented readers and one open edition for them: ``python -m tests.chaos.population READERS SEED``.

Nobody is due yet; each wants papers of one to three categories, and finds some among two hundred.
"""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime

import django

PAPERS = 200
CATEGORIES = ["cs.LG", "cs.CL", "cs.RO", "stat.ML", "math.CO", "quant-ph", "astro-ph.GA", "q-bio.NC"]
WORDS = "protein robot graph language galaxy privacy climate proof qubit vaccine market speech image planning".split()


def main(readers: int, seed: int) -> None:
    from digest.editions.open_edition import open_edition
    from digest.ingest import store
    from digest.models import Source
    from subscriptions.models import Preference, Subscriber, email_key
    from tests.support.factories import entry, feed

    dice, now = random.Random(seed), datetime.now(UTC)
    papers = [
        entry(
            number,
            identifiers=(f"arxiv:2600.{number:05}",),
            url=f"https://arxiv.org/abs/2600.{number:05}",
            title=f"On {dice.choice(WORDS)} and {dice.choice(WORDS)}, part {number}",
            abstract=" ".join(f"We study {dice.choice(WORDS)} by {dice.choice(WORDS)}." for _ in range(12)),
            categories=(CATEGORIES[number % len(CATEGORIES)],),
            announced_on=now.date(),
        )
        for number in range(1, PAPERS + 1)
    ]
    shown = feed(*papers)
    store.store(store.source_named_in(shown, "file.xml"), shown, now=now)
    open_edition(now.date(), now=now)
    Source.objects.update(active=False)  # nothing may leave this machine

    ahead = 12 - now.hour  # it is about noon where they live, so midnight is far
    addresses = [f"reader{number}@example.org" for number in range(1, readers + 1)]
    crowd = Subscriber.objects.bulk_create(
        Subscriber(
            email=address,
            email_key=email_key(address),
            status=Subscriber.Status.ACTIVE,
            zone=f"Etc/GMT{-ahead:+}" if ahead else "UTC",
            signed_up_at=now,
            confirmed_at=now,
            weekdays=127,
        )
        for address in addresses
    )
    Preference.objects.bulk_create(
        Preference(subscriber=reader, kind="category", value=category, stance="want")
        for reader in crowd
        for category in dice.sample(CATEGORIES, dice.randint(1, 3))
    )


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]), int(sys.argv[2]))
