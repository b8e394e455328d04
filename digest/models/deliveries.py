"""Deliveries: a mail to one reader, its content, the batches that workers lease, and why it has its status."""

from __future__ import annotations

from datetime import date, datetime

from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property

from digest.models.editions import Edition
from digest.record import DigestRecord, record_of
from subscriptions.models import Subscriber


class StatusReason(models.TextChoices):
    """Reasons for a delivery's status. Their sentences are in delivery/reader_texts.py and staff_texts.py."""

    # the day has no mail
    NO_NEW_PAPERS = "no_new_papers"
    NOTHING_MATCHED = "nothing_matched"
    PAUSED = "paused"
    SUPPRESSED = "suppressed"
    UNSUBSCRIBED = "unsubscribed"
    NOT_CONFIRMED = "not_confirmed"
    DEMO_READER = "demo_reader"
    TOO_SOON = "too_soon"
    TOO_LATE = "too_late"
    CANCELLED = "cancelled"
    # it did not leave, or may have left, for a cause of ours
    EXPIRED = "expired"
    WORKER_STOPPED = "worker_stopped"
    POISON = "poison"
    COMPOSE_ERROR = "compose_error"
    MESSAGE_ERROR = "message_error"
    RETRIED_BY_HAND = "retried_by_hand"
    RESTORED = "restored"
    # the mail server or provider said so: subscriptions.mail.outcomes.SendReason
    NO_CONNECTION = "no_connection"
    NOT_SET_UP = "not_set_up"
    LOGIN_REFUSED = "login_refused"
    SETUP_REFUSED = "setup_refused"
    DEFERRED = "deferred"
    TOO_FAST = "too_fast"
    MAILBOX_FULL = "mailbox_full"
    ACCOUNT_REFUSED = "account_refused"
    NO_SUCH_ADDRESS = "no_such_address"
    REFUSED_BY_SERVER = "refused_by_server"
    REFUSED_BY_PROVIDER = "refused_by_provider"
    PROVIDER_ERROR = "provider_error"
    NO_ANSWER = "no_answer"
    # an event of the provider said so later
    EVENT_FAILED = "event_failed"
    EVENT_REJECTED = "event_rejected"
    EVENT_REFUSED = "event_refused"
    EVENT_SOFT_BOUNCED = "event_soft_bounced"
    EVENT_BOUNCED = "event_bounced"
    EVENT_COMPLAINED = "event_complained"
    OTHER = "other"  # of a row that an older version wrote in words of its own


class BatchQuerySet(models.QuerySet["Batch"]):
    def due(self, now: datetime) -> BatchQuerySet:
        """Open ones whose time has come, the oldest first."""
        due = self.filter(Q(not_before=None) | Q(not_before__lte=now), status=Batch.Status.OPEN)
        return due.order_by("pk")


class Batch(models.Model):
    """Up to 1,000 deliveries that one worker leases as one row."""

    class Status(models.TextChoices):
        OPEN = "open"
        LEASED = "leased"
        DONE = "done"

    status = models.CharField(max_length=6, choices=Status, default=Status.OPEN)
    token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="how often it was leased")
    size = models.PositiveSmallIntegerField(default=0)

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "batches"
        indexes = [models.Index(fields=["status", "lease_until"], name="batches_to_lease")]

    def __str__(self) -> str:
        return f"batch {self.pk} ({self.status})"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def digests(self) -> DeliveryQuerySet:
        return self.filter(issue_date__isnull=False)


class Delivery(models.Model):
    """One reader's digest of one local issue date, or one announcement: the row that makes twice impossible."""

    class Status(models.TextChoices):
        READY = "ready"
        HANDING_OFF = "handing_off", "being handed over"
        RETRY_WAIT = "retry_wait", "waiting for another try"
        ACCEPTED = "accepted"
        DELIVERED = "delivered"
        BOUNCED = "bounced"
        COMPLAINED = "complained"
        UNKNOWN = "unknown", "unknown: may have left"
        FAILED = "failed"
        EXPIRED = "expired"
        SKIPPED = "skipped"

    OPEN = (Status.READY, Status.HANDING_OFF, Status.RETRY_WAIT)
    SENT = (Status.ACCEPTED, Status.DELIVERED, Status.BOUNCED, Status.COMPLAINED, Status.UNKNOWN)

    # the unique key with the issue date is its index
    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="deliveries", db_index=False)
    issue_date = models.DateField(null=True, blank=True, help_text="of a digest")
    # its unique key with the subscriber is its index
    announcement = models.ForeignKey(
        "Announcement", models.PROTECT, null=True, blank=True, related_name="deliveries", db_index=False
    )
    edition = models.ForeignKey(Edition, models.PROTECT, null=True, blank=True, related_name="deliveries")
    batch = models.ForeignKey(Batch, models.SET_NULL, null=True, blank=True, related_name="deliveries")
    status = models.CharField(max_length=11, choices=Status)
    status_reason = models.CharField(max_length=20, choices=StatusReason, blank=True)
    detail = models.CharField(max_length=300, blank=True, help_text="words of the server or error; nothing queries it")
    paper_count = models.PositiveSmallIntegerField(default=0)
    message_id = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 (unique; a skip has none)
    dated_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    not_after = models.DateTimeField(null=True, blank=True)
    handed_over_at = models.DateTimeField(
        null=True,
        blank=True,
        db_index=True,
        help_text="when it may have left; emptied where it surely was not taken and another try comes",
    )
    provider = models.CharField(max_length=20, blank=True, help_text="through whom it was handed over last")
    answer = models.CharField(max_length=20, blank=True, help_text="what was answered, in short: 5.1.1, 429")
    accepted_at = models.DateTimeField(null=True, blank=True)
    provider_message_id = models.CharField(max_length=200, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["-issue_date", "id"]
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "issue_date"], name="a_reader_gets_one_digest_an_issue_date"),
            models.UniqueConstraint(
                fields=["announcement", "subscriber"],
                condition=Q(announcement__isnull=False),
                name="a_reader_gets_an_announcement_once",
            ),
            models.CheckConstraint(
                condition=Q(issue_date__isnull=False, announcement=None)
                | Q(issue_date=None, announcement__isnull=False),
                name="a_delivery_is_a_digest_or_an_announcement",
            ),
            models.UniqueConstraint(fields=["message_id"], name="a_message_id_is_used_once"),
        ]
        indexes = [
            models.Index(
                fields=["status", "not_before"],
                condition=Q(status__in=["ready", "handing_off", "retry_wait"]),
                name="open_deliveries",
            ),
            models.Index(fields=["issue_date", "status", "id"], name="deliveries_of_a_day"),
            models.Index(
                fields=["provider_message_id"],
                condition=~Q(provider_message_id=""),
                name="deliveries_by_their_number",
            ),
        ]

    def __str__(self) -> str:
        what = self.issue_date or f"announcement {self.announcement_id}"
        return f"{what} to {self.subscriber_id}: {self.status}"

    @property
    def day(self) -> date:
        """Return the issue date of a digest. Raise ValueError for an announcement, which has none."""
        if self.issue_date is None:
            raise ValueError(f"{self} has no issue date")
        return self.issue_date

    @property
    def reference(self) -> str:
        """Return what names its mail in events and journals; empty where the row has no message id."""
        return (self.message_id or "").strip("<>").partition("@")[0]

    @property
    def kept(self) -> DeliveryContent:
        """Return the content, or an empty one for a day without a mail. One query, unless it was selected."""
        # a mail asks for it some ten times, and Django's descriptor takes long
        content: DeliveryContent | None = self._state.fields_cache.get("content")
        if content:
            return content
        try:
            return self.content
        except DeliveryContent.DoesNotExist:
            return DeliveryContent(delivery=self)

    @property
    def paper_ids(self) -> list[int]:
        return self.kept.paper_ids

    @property
    def subject(self) -> str:
        return self.kept.subject

    @property
    def record(self) -> DigestRecord | None:
        """Return why its papers were chosen; None where that is no longer kept, or was written by another version."""
        return self.kept.parsed

    def put_content(self, *, paper_ids: list[int], subject: str, record: DigestRecord) -> DeliveryContent:
        """Give it this content in memory; nothing is written."""
        self.paper_count = len(paper_ids)
        return DeliveryContent(delivery=self, paper_ids=paper_ids, subject=subject, record=record.to_json())

    @property
    def empty_reason(self) -> str:
        """Return the StatusReason of a mail that says that there is no paper; empty for any other delivery."""
        if self.paper_ids or not (record := self.record):
            return ""
        return record.nothing


class DeliveryContent(models.Model):
    """The content of a digest: written once when it is planned, read once when it is sent."""

    delivery = models.OneToOneField(Delivery, models.CASCADE, primary_key=True, related_name="content")
    paper_ids = models.JSONField(default=list, help_text="in the order of the digest; kept for good")
    subject = models.CharField(max_length=200, blank=True)
    record = models.JSONField(default=dict, help_text="a DigestRecord; emptied after 30 days")

    def __str__(self) -> str:
        return f"content of {self.delivery_id}"

    @cached_property
    def parsed(self) -> DigestRecord | None:
        return record_of(self.record)
