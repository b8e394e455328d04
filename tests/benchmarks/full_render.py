"""A full render of the product's own templates for each reader, and nothing done for many readers at once.

What is the same for all readers is read and worked out once: the day's papers, their cards, what anybody asks for against
the papers. Then reader after reader: what they ask for and had, the product's own ranking for one, a full render, and
Django's message over one kept connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from django.core.mail import EmailMultiAlternatives, get_connection
from scipy.sparse import csr_array

from digest.compose.card import Card
from digest.compose.emails import digest_of, reader_of
from digest.compose.size_limit import fit
from digest.editions.candidate_pool import CandidatePool
from digest.editions.selection import Demand, select
from digest.ingest.papers.tag import topic_rule
from digest.models import Delivery, EditionPaper
from digest.ranking.matching import Kind, Rule
from digest.reader_data import profiles
from digest.record import DigestRecord
from subscriptions.models import Preference, Subscriber
from subscriptions.tokens import message_id
from tests.benchmarks.composing import django_message
from tests.benchmarks.day import NOW


class FullRender:
    def __init__(self) -> None:
        self.pool = CandidatePool.load(NOW)
        self.edition = self.pool.editions[-1]
        every = Preference.objects.select_related("topic").order_by("topic", "kind", "value")
        self.columns = {rule: column for column, rule in enumerate(dict.fromkeys(map(_rule, every)))}
        self.rules = list(self.columns)
        self.papers = self.pool.against(self.rules)
        rows = EditionPaper.objects.filter(edition=self.edition).values_list("paper_id", "card")
        self.cards = {pk: Card.from_json(card) for pk, card in rows}

    def send(self, ids: Sequence[int]) -> int:
        """How many digests were sent."""
        connection = get_connection("django.core.mail.backends.smtp.EmailBackend")
        connection.open()
        sent = 0
        for reader in Subscriber.objects.on_the_list().filter(pk__in=ids).order_by("pk"):
            if (delivery := self.digest_for(reader)) is None:
                continue
            message = self.message(delivery)
            message.connection = connection
            message.send()
            delivery.status, delivery.accepted_at = Delivery.Status.ACCEPTED, NOW
            delivery.save()
            delivery.content.delivery = delivery  # whose number it has by now
            delivery.content.save(force_insert=True)
            reader.last_digest_at = NOW
            reader.save(update_fields=["last_digest_at"])
            sent += 1
        connection.close()
        return sent

    def digest_for(self, reader: Subscriber) -> Delivery | None:
        """The reader's row, with the papers chosen for this one reader; None without any."""
        day = NOW.date()
        had: set[int] = set()
        for issue_date, papers in reader.deliveries.values_list("issue_date", "content__paper_ids"):
            if issue_date == day:
                return None
            had.update(papers or ())
        offered = self.pool.eligible & ~np.isin(self.pool.ids, list(had))
        choice = select(self.asked_by(reader), self.pool, self.papers, offered=offered[None, :])[0]
        if not choice.papers:
            return None
        delivery = Delivery(
            subscriber=reader,
            issue_date=day,
            edition=self.edition,
            status=Delivery.Status.READY,
            message_id=message_id("digest", f"{reader.public_id}|{day}"),
            dated_at=NOW,
        )
        record = DigestRecord(
            arrived=choice.arrived,
            matched=choice.matched,
            asked_for=choice.asked_for,
            reasons=choice.reasons,
            terms=choice.terms,
            also=self.pool.ids[choice.also].tolist(),
        )
        delivery.put_content(paper_ids=self.pool.ids[choice.papers].tolist(), subject="", record=record)
        return delivery

    def asked_by(self, reader: Subscriber) -> Demand:
        wanted: dict[str, list[int]] = {"want": [], "mute": []}
        for one in Preference.objects.filter(subscriber=reader).select_related("topic").order_by("pk"):
            wanted[one.stance].append(self.columns[_rule(one)])
        return Demand(
            rules=self.rules,
            wants=_row(wanted["want"], len(self.rules)),
            mutes=_row(wanted["mute"], len(self.rules)),
            hype=np.array([reader.hype], np.float32),
            limit=[reader.max_papers],
            profiles=profiles.load([reader]),
        )

    def message(self, delivery: Delivery) -> EmailMultiAlternatives:
        digest = digest_of(delivery, self.cards, reader_of(delivery))
        delivery.content.subject = digest.subject
        return django_message(delivery, fit(digest)[1])


def _rule(one: Preference) -> Rule:
    return topic_rule(one.topic) if one.topic else Rule(cast(Kind, one.kind), one.value)


def _row(columns: Sequence[int], size: int) -> csr_array:
    """One reader's row of a matrix."""
    return csr_array((np.ones(len(columns), np.float32), columns, [0, len(columns)]), shape=(1, size))
