"""Four invented papers, an edition that is opened from given entries, and the mail of a delivery."""

from __future__ import annotations

from typing import Any

from digest.compose.emails import Mails
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.ingest.entry import Entry
from digest.models import Delivery, Edition
from tests.support.factories import NOON, entry, feed

ROBOT = entry(1, title="A robot that folds laundry", abstract="Grasping cloth is hard.", categories=("cs.RO",))
GRAPHS = entry(2, title="Colouring planar graphs", abstract="Four colours are enough.", categories=("math.CO",))
LANGUAGE = entry(3, title="Small language models", abstract="They read little and well.", categories=("cs.CL",))
STARS = entry(
    4,
    title="A star that hums",
    abstract="We listen to it.",
    categories=("astro-ph.SR",),
    authors=("Ingrid Solheim-Vargas",),
)


def publish(*entries: Entry, at: Any = NOON, **values: Any) -> Edition:
    shown = feed(*entries, **values)
    store.store(store.source_named_in(shown, "file.xml"), shown, now=at)
    return open_edition(at.date(), now=at)[0]


def mail_of(row: Delivery, mails: Mails | None = None) -> Any:
    """The mail of a planned delivery; ``mails`` is what a worker has at hand."""
    mails = mails or Mails()
    mails.read_cards([row])
    return mails.email_for(row)
