"""Plain functions that make people and papers for tests, with sensible values for what a test does not care about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from digest.ingest.entry import Entry
from digest.ingest.parsers import Feed
from digest.models import Delivery, DeliveryContent, Source
from subscriptions.models import Preference, Subscriber, Topic, email_key
from subscriptions.tokens import message_id

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday
ITEM = """<item><title>{title}</title><link>https://example.org/papers/{number}</link><description>It is shown.</description>
<dc:creator>Ada Okafor, Ben Sample</dc:creator><pubDate>Mon, 02 Mar 2026 08:00:00 GMT</pubDate></item>"""


def reader(name: str = "ada", *, wants: dict[str, list[str]] | None = None, **values: Any) -> Subscriber:
    """An active, confirmed reader; ``wants`` maps a kind to values (topics by name)."""
    email = values.pop("email", f"{name}@example.org")
    row = Subscriber.objects.create(
        **{
            "email": email,
            "email_key": email_key(email),
            "status": Subscriber.Status.ACTIVE,
            "confirmed_at": NOON,
            "signed_up_at": NOON,
            "next_send_at": NOON,
            "weekdays": 127,
            **values,
        }
    )
    for kind, wishes in (wants or {}).items():
        want(row, kind, *wishes)
    return row


def want(row: Subscriber, kind: str, *values: str, stance: str = "want") -> None:
    for value in values:
        chosen = {"topic": topic(value)} if kind == "topic" else {"value": value}
        Preference.objects.create(subscriber=row, kind=kind, stance=stance, **chosen)


def topic(name: str, *, categories: list[str] | None = None, keywords: list[str] | None = None) -> Topic:
    slug = name.lower().replace(" ", "-")
    return Topic.objects.get_or_create(
        name=name,
        defaults={"slug": slug, "group": "Group", "categories": categories or [], "keywords": keywords or []},
    )[0]


def entry(number: int = 1, **values: Any) -> Entry:
    """An arXiv paper, announced as new."""
    return Entry(
        **{
            "identifiers": (f"arxiv:2603.{number:05}",),
            "title": f"Paper number {number} on careful measurement",
            "abstract": f"We measure thing {number}. It is found to be as expected.",
            "authors": ("Ada Example", "Ben Sample"),
            "categories": ("cs.LG",),
            "url": f"https://arxiv.org/abs/2603.{number:05}",
            "announced": "new",
            "announced_on": NOON.date(),
            **values,
        }
    )


def feed(*entries: Entry, **values: Any) -> Feed:
    return Feed(
        **{
            "kind": "arxiv_rss",
            "name": "arXiv cs.LG",
            "url": "https://rss.arxiv.org/rss/cs.LG",
            "entries": entries,
            **values,
        }
    )


def rss(*titles: str) -> bytes:
    """Write a journal's feed of these titles."""
    items = "".join(ITEM.format(title=title, number=number) for number, title in enumerate(titles))
    head = '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Annals of Care</title>'
    return f"{head}<link>https://example.org</link>{items}</channel></rss>".encode()


def source(name: str = "arXiv cs.LG", url: str = "https://rss.arxiv.org/rss/cs.LG", **values: Any) -> Source:
    return Source.objects.get_or_create(url=url, defaults={"name": name, "kind": "arxiv_rss", **values})[0]


def delivery(to: Subscriber, *, days: int = 0, **values: Any) -> Delivery:
    """A digest that the provider took, ``days`` after the Monday; ``paper_ids``, ``subject`` and ``record`` are its content."""
    at = NOON + timedelta(days=days)
    content = {name: values.pop(name) for name in ("paper_ids", "subject", "record") if name in values}
    row = Delivery.objects.create(
        **{
            "subscriber": to,
            "issue_date": at.date(),
            "status": Delivery.Status.ACCEPTED,
            "message_id": message_id("digest", f"{to.public_id}|{at.date()}"),
            "dated_at": at,
            "handed_over_at": at,
            "accepted_at": at,
            "paper_count": len(content.get("paper_ids", ())),
            **values,
        }
    )
    record = content.pop("record", None)
    DeliveryContent.objects.create(
        **{"delivery": row, "subject": "2 Mar: Papers", "record": record.to_json() if record else {}, **content}
    )
    return row


def change_record(row: Delivery, **changes: Any) -> None:
    """Write another record for a planned digest: the fields of DigestRecord that are given are replaced."""
    assert row.record is not None
    row.content.record = replace(row.record, **changes).to_json()
    row.content.__dict__.pop("parsed", None)
    row.content.save()
