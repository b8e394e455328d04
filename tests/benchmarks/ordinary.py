"""Digests as Django projects usually send them: one loop over readers, a template of thirty lines, a message a reader.

``ordinary`` sends each message over one kept connection; ``post_office`` queues them in django-post-office, which sends
them afterwards. Both order papers by how many wishes of the reader they match, and keep a row of each digest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, cast

import numpy as np
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.template import Context, Engine, Template
from numpy.typing import NDArray

from digest.compose.card import Card
from digest.ingest.papers.tag import topic_rule
from digest.models import Delivery, Edition, EditionPaper
from digest.ranking.matching import Index, Kind, Rule
from subscriptions.models import Preference, Subscriber
from subscriptions.tokens import digest_message_id, preferences_url, unsubscribe_url
from tests.benchmarks.day import NOW

SUBJECT = "{{ papers|length }} new papers: {{ papers.0.title|safe }}"
TEXT = """{% autoescape off %}Your papers of {{ day }}
{% for paper in papers %}
{{ forloop.counter }}. {{ paper.title }}
{{ paper.byline }}
{{ paper.sentence }}
{{ paper.categories|join:", " }} · {{ paper.seen }}
{{ paper.url }}
{% endfor %}
Change what you get: {{ preferences }}
Unsubscribe: {{ unsubscribe }}
{% endautoescape %}"""
HTML = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Your papers</title></head>
<body style="font-family: sans-serif; color: #222">
<h1 style="font-size: 22px">Your papers of {{ day }}</h1>
{% for paper in papers %}
<div style="margin: 0 0 24px; border-top: 1px solid #ddd">
<h2 style="font-size: 17px"><a href="{{ paper.url }}" style="color: #1a4f8b">{{ paper.title }}</a></h2>
<p style="color: #666">{{ paper.byline }}</p>
<p>{{ paper.sentence }}</p>
<p style="color: #666">{{ paper.categories|join:", " }} · {{ paper.seen }}</p>
</div>
{% endfor %}
<p><a href="{{ preferences }}">Change what you get</a> · <a href="{{ unsubscribe }}">Unsubscribe</a></p>
</body>
</html>
"""


class Ordinary:
    """The day's papers, read once, and a digest of them for one reader after another."""

    def __init__(self) -> None:
        self.edition = Edition.objects.latest("date")
        rows = list(EditionPaper.objects.filter(edition=self.edition).select_related("paper").order_by("pk"))
        self.cards = [Card.from_json(row.card) for row in rows]
        self.ids = np.array([row.paper_id for row in rows])
        self.trending = np.array([row.trending or 0.0 for row in rows])
        every = Preference.objects.filter(stance=Preference.Stance.WANT).select_related("topic").order_by("pk")
        self.rules = list(dict.fromkeys(map(_rule, every)))
        matches = Index([row.paper for row in rows]).match(self.rules).toarray()
        self.matches = dict(zip(self.rules, matches.T, strict=True))  # rule -> (P,), 1 where it matches
        engine = Engine()
        self.templates = [Template(source, engine=engine) for source in (SUBJECT, TEXT, HTML)]

    def papers_for(self, reader: Subscriber) -> list[int]:
        """Return the rows of the reader's papers, best first."""
        wanted: NDArray[Any] = np.zeros(len(self.ids))
        for one in Preference.objects.filter(subscriber=reader, stance=Preference.Stance.WANT).select_related("topic"):
            wanted += self.matches[_rule(one)]
        order = np.argsort(-(wanted + self.trending * reader.hype / 100), kind="stable")
        return [int(row) for row in order if wanted[row]][: reader.max_papers]

    def digests(self, ids: Sequence[int]) -> Iterator[tuple[Delivery, dict[str, Any]]]:
        """Yield each reader's unsaved row, and what the templates need."""
        for reader in Subscriber.objects.on_the_list().filter(pk__in=ids).order_by("pk"):
            if reader.deliveries.filter(issue_date=NOW.date()).exists() or not (papers := self.papers_for(reader)):
                continue
            delivery = Delivery(
                subscriber=reader,
                issue_date=NOW.date(),
                edition=self.edition,
                paper_count=len(papers),
                message_id=digest_message_id(reader, NOW.date()),
                dated_at=NOW,
            )
            yield (
                delivery,
                {
                    "day": f"{NOW:%A, %-d %B}",
                    "papers": [self.cards[row] for row in papers],
                    "preferences": preferences_url(reader),
                    "unsubscribe": unsubscribe_url(reader),
                },
            )


def headers_of(delivery: Delivery, context: dict[str, Any]) -> dict[str, str]:
    return {
        "Message-ID": cast(str, delivery.message_id),
        "List-Unsubscribe": f"<{context['unsubscribe']}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def accept(delivery: Delivery) -> None:
    """Save that the digest was sent."""
    delivery.status, delivery.accepted_at = Delivery.Status.ACCEPTED, NOW
    delivery.save()
    delivery.subscriber.last_digest_at = NOW
    delivery.subscriber.save(update_fields=["last_digest_at"])


def ordinary() -> Callable[[Sequence[int]], int]:
    """Send each digest when it is rendered."""
    way = Ordinary()

    def send(ids: Sequence[int]) -> int:
        connection = get_connection("django.core.mail.backends.smtp.EmailBackend")
        connection.open()
        sent = 0
        for delivery, context in way.digests(ids):
            subject, text, html = (template.render(Context(context)) for template in way.templates)
            message = EmailMultiAlternatives(
                subject,
                text,
                settings.DEFAULT_FROM_EMAIL,
                [delivery.subscriber.email],
                headers=headers_of(delivery, context),
                connection=connection,
            )
            message.attach_alternative(html, "text/html")
            message.send()
            accept(delivery)
            sent += 1
        connection.close()
        return sent

    return send


def post_office() -> Callable[[Sequence[int]], int]:
    """Queue all digests, and let django-post-office send them in this process; ``post_office_settings`` has it installed."""
    logging.disable(logging.INFO)  # else it tells of each batch
    mail, models = import_module("post_office.mail"), import_module("post_office.models")
    way = Ordinary()
    models.EmailTemplate.objects.filter(name="digest").delete()
    template = models.EmailTemplate.objects.create(name="digest", subject=SUBJECT, content=TEXT, html_content=HTML)

    def send(ids: Sequence[int]) -> int:
        models.Email.objects.all().delete()
        queued: list[dict[str, Any]] = []
        for delivery, context in way.digests(ids):
            recipient, headers = delivery.subscriber.email, headers_of(delivery, context)
            queued.append({"recipients": recipient, "template": template, "context": context, "headers": headers})
            accept(delivery)
        mail.send_many(queued)
        sent = 0
        while some := mail.send_queued()[0]:
            sent += some
        return sent

    return send


def _rule(one: Preference) -> Rule:
    return topic_rule(one.topic) if one.topic else Rule(cast(Kind, one.kind), one.value)
