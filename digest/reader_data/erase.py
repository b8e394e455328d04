"""Erase a reader: what is personal goes at once, and only numbers stay, so that each day's balance still adds up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from digest.models import Delivery, DeliveryContent, DeliveryEvent, Verdict
from subscriptions import consent
from subscriptions.models import Subscriber


def erase(reader: Subscriber, **circumstances: Any) -> bool:
    """Erase this reader, here and in subscriptions, in one transaction; True when that changed something.

    ``circumstances`` are those of :func:`subscriptions.consent.erase`. Of the deliveries the rows, dates and statuses
    stay; what was still to leave is skipped.
    """
    with transaction.atomic():
        erased = consent.erase(reader.public_id, **circumstances)
        Verdict.objects.filter(subscriber=reader).delete()
        forget(Delivery.objects.filter(subscriber=reader))
    return erased


def forget(deliveries: QuerySet[Delivery]) -> None:
    """Empty these rows of what was chosen for a person, and of what was said about their mail."""
    with transaction.atomic():
        deliveries.filter(status__in=[Delivery.Status.READY, Delivery.Status.RETRY_WAIT]).update(
            status=Delivery.Status.SKIPPED
        )
        deliveries.update(message_id=None, provider_message_id="", status_reason="", detail="", paper_count=0)
        DeliveryContent.objects.filter(delivery__in=deliveries).delete()
        # last: whoever has just matched an event holds the delivery until that is written
        DeliveryEvent.objects.filter(delivery__in=deliveries).update(raw={})


def forget_the_erased(deliveries: Iterable[Delivery]) -> None:
    """For a worker that writes down what became of these: whoever was erased meanwhile stays so. One query at most."""
    if not (ids := [delivery.pk for delivery in deliveries]):
        return
    erased = Delivery.objects.filter(pk__in=ids, subscriber__status=Subscriber.Status.ERASED)
    if erased_ids := list(erased.values_list("pk", flat=True)):
        forget(Delivery.objects.filter(pk__in=erased_ids))
