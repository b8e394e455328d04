"""Erase a reader's personal data at once; only numbers stay, so that each day's counts still add up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from digest.models import (
    Delivery,
    DeliveryContent,
    DeliveryEvent,
    ListSource,
    ReaderProfile,
    SavedFeed,
    SavedPaper,
    StatedVector,
    TextsVector,
    Verdict,
)
from subscriptions import consent
from subscriptions.models import Subscriber


def erase(reader: Subscriber, **circumstances: Any) -> bool:
    """Erase this reader, here and in subscriptions, in one transaction; return whether that changed anything.

    ``circumstances`` are those of :func:`subscriptions.consent.erase`. Deliveries keep their rows, dates and statuses;
    unsent ones are skipped.
    """
    with transaction.atomic():
        erased = consent.erase(reader.public_id, **circumstances)
        Verdict.objects.filter(subscriber=reader).delete()
        ReaderProfile.objects.filter(subscriber=reader).delete()
        StatedVector.objects.filter(subscriber=reader).delete()
        TextsVector.objects.filter(subscriber=reader).delete()
        ListSource.objects.filter(subscriber=reader).delete()  # with their entries
        SavedPaper.objects.filter(subscriber=reader).delete()
        SavedFeed.objects.filter(subscriber=reader).delete()
        forget(Delivery.objects.filter(subscriber=reader))
    return erased


def forget(deliveries: QuerySet[Delivery]) -> None:
    """Remove the selected papers and the provider's answers from these rows."""
    with transaction.atomic():
        deliveries.filter(status__in=[Delivery.Status.READY, Delivery.Status.RETRY_WAIT]).update(
            status=Delivery.Status.SKIPPED
        )
        deliveries.update(message_id=None, provider_message_id="", status_reason="", detail="", paper_count=0)
        DeliveryContent.objects.filter(delivery__in=deliveries).delete()
        # Last: a process that has just matched an event locks the delivery until the event is saved.
        DeliveryEvent.objects.filter(delivery__in=deliveries).update(raw={})


def forget_the_erased(deliveries: Iterable[Delivery]) -> None:
    """Empty those of these deliveries whose readers were erased meanwhile, after their results are saved.

    At most one query if there are none.
    """
    if not (ids := [delivery.pk for delivery in deliveries]):
        return
    erased = Delivery.objects.filter(pk__in=ids, subscriber__status=Subscriber.Status.ERASED)
    if erased_ids := list(erased.values_list("pk", flat=True)):
        forget(Delivery.objects.filter(pk__in=erased_ids))
