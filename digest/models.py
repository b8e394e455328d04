"""What is sent: papers and where they were seen, editions of a day, deliveries to readers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property

from digest.record import DigestRecord, UnknownVersion
from digest.source_errors import ErrorKind
from subscriptions.models import Subscriber, Topic


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


class SourceQuerySet(models.QuerySet["Source"]):
    def due(self, now: datetime) -> SourceQuerySet:
        """Active sources whose time to be asked has come, who waited longest first."""
        due = self.filter(Q(next_check_at=None) | Q(next_check_at__lte=now), active=True)
        return due.order_by(models.F("next_check_at").asc(nulls_first=True), "pk")


class Source(models.Model):
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, help_text="one of digest.ingest.parsers.KINDS")
    url = models.CharField(max_length=500, help_text="where it is fetched from; file:<name> for a given file")
    active = models.BooleanField(default=True)
    etag = models.CharField(max_length=200, blank=True, editable=False)
    last_modified = models.CharField(max_length=100, blank=True, editable=False)
    next_check_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    last_error_kind = models.CharField(
        max_length=40,
        blank=True,
        default="",
        choices=[(kind.value, kind.replace("_", " ")) for kind in ErrorKind],
        help_text="why the last check brought nothing; empty where it brought something",
    )
    last_error = models.CharField(max_length=500, blank=True, help_text="detail of the kind, which nothing depends on")
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_reading = models.JSONField(default=dict, blank=True, help_text="what the last reading expected and stored")

    days_read = models.JSONField(
        default=list, blank=True, editable=False, help_text="days whose announcements came, of a feed that is daily"
    )
    dates_lag = models.BooleanField(
        default=False, editable=False, help_text="the dates of this daily feed are a day behind its content"
    )

    objects = SourceQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["url"], name="a_source_is_listed_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def host(self) -> str:
        """Return the host that is asked; "" for a given file."""
        return urlsplit(self.url).hostname or ""


class Paper(models.Model):
    """A work, once, whatever version, category or source showed it."""

    identifier = models.CharField(max_length=510, help_text="the preferred one of its identifiers")
    title = models.TextField()
    abstract = models.TextField(blank=True)
    authors = models.JSONField(default=list, blank=True)
    categories = models.JSONField(default=list, blank=True)
    primary_category = models.CharField(max_length=100, blank=True)
    url = models.CharField(max_length=2000, blank=True)
    code_url = models.CharField(max_length=300, blank=True, default="", help_text="its repository, as a source says")
    project_url = models.CharField(max_length=300, blank=True, default="", help_text="its project's page, likewise")
    published_at = models.DateTimeField(null=True, blank=True)
    published_precision = models.CharField(
        max_length=5,
        default="day",
        choices=[(part, part) for part in ("day", "month", "year")],
        help_text="how much of the date the source gave; the rest is unknown",
    )
    announced_on = models.DateField(null=True, blank=True)
    first_seen_at = models.DateTimeField(db_index=True)
    version = models.PositiveSmallIntegerField(default=1)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    told_by = models.ForeignKey(
        Source,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="the source of its text; null: one that is no longer listed",
    )
    topics = models.ManyToManyField(Topic, blank=True, related_name="papers")

    class Meta:
        ordering = ["-first_seen_at", "identifier"]
        indexes = [
            models.Index(fields=["withdrawn_at"], condition=Q(withdrawn_at__isnull=False), name="withdrawn_papers"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["identifier"], name="a_paper_is_stored_once"),
            models.CheckConstraint(
                condition=Q(identifier__startswith="arxiv:")
                | Q(identifier__startswith="doi:")
                | Q(identifier__startswith="pmid:")
                | Q(identifier__startswith="url:")
                | Q(identifier__startswith="guid:")
                | Q(identifier__startswith="title:"),
                name="an_identifier_names_its_scheme",
            ),
        ]

    def __str__(self) -> str:
        return self.title[:100]


class SearchText(models.Model):
    """A paper's fields as search compares them, terms parted by spaces; ``digest.search.index`` writes it.

    On SQLite it is a full-text table (FTS5); on PostgreSQL it has one more column, ``vector``, with a GIN index.
    """

    paper = models.OneToOneField(
        Paper, models.CASCADE, primary_key=True, db_column="rowid", related_name="search_text", db_index=False
    )
    title = models.TextField()
    authors = models.TextField()
    abstract = models.TextField()
    categories = models.TextField()

    def __str__(self) -> str:
        return f"search text of {self.paper_id}"


class SearchWord(models.Model):
    """A word that papers have, its term in the index, and about how many papers have it: what corrections offer."""

    word = models.CharField(max_length=40, primary_key=True)
    term = models.CharField(max_length=40, db_index=True)
    papers = models.PositiveIntegerField()

    def __str__(self) -> str:
        return self.word


class Identifier(models.Model):
    """A name a work is known by: what brings two sightings of one work together."""

    value = models.CharField(max_length=510)
    paper = models.ForeignKey(Paper, models.CASCADE, related_name="identifiers")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["value"], name="an_identifier_names_one_paper")]

    def __str__(self) -> str:
        return self.value


class Sighting(models.Model):
    """A source showed a paper; written only when something changed since the last one."""

    class Announced(models.TextChoices):
        NEW = "new"
        CROSS = "cross"
        REPLACE = "replace"
        REPLACE_CROSS = "replace_cross"

    paper = models.ForeignKey(Paper, models.CASCADE, related_name="sightings")
    source = models.ForeignKey(Source, models.CASCADE, related_name="sightings")
    seen_at = models.DateTimeField()
    announced = models.CharField(max_length=13, choices=Announced, blank=True)
    points = models.IntegerField(null=True, blank=True, help_text="null: the source does not vote")
    comments = models.IntegerField(null=True, blank=True)
    stars = models.IntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["paper", "source", "seen_at"], name="a_sighting_is_written_once")
        ]
        indexes = [models.Index(fields=["seen_at"], name="sightings_by_time")]

    def __str__(self) -> str:
        return f"{self.source_id} saw {self.paper_id}"


class PaperChange(models.Model):
    """A statement of a source about a paper that curators should see: a merge, a version, a withdrawal, a text.

    A claim of a source that does not speak for the work changes nothing until a curator applies it. What was applied
    can be undone, and is then not applied again.
    """

    class Kind(models.TextChoices):
        MERGE = "merge", "two works are one"
        VERSION = "version", "a new version"
        WITHDRAWAL = "withdrawal", "withdrawn"
        TEXT = "text", "another text"

    class State(models.TextChoices):
        CLAIMED = "claimed", "claimed, not applied"
        APPLIED = "applied"
        UNDONE = "undone"
        DISMISSED = "dismissed"

    paper = models.ForeignKey(Paper, models.CASCADE, related_name="changes")
    source = models.ForeignKey(Source, models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=9, choices=State)
    at = models.DateTimeField()
    said = models.JSONField(default=dict, help_text="what the source said; of a merge the other work")
    before = models.JSONField(default=dict, blank=True, help_text="what undoing needs; empty until it is applied")

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["state", "-at"], name="changes_by_state")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.paper_id}, {self.state}"


class PaperSummaryQuerySet(models.QuerySet["PaperSummary"]):
    def shown(self) -> PaperSummaryQuerySet:
        """Those that digests may show, that of the paper's own source last."""
        return self.exclude(text="").filter(dropped_at=None).order_by("-source", "pk")


class PaperSummary(models.Model):
    """A paper in one sentence, written by a model. The text never changes, since planned digests refer to it."""

    class Source(models.TextChoices):
        HUGGING_FACE = "hugging_face", "Hugging Face"
        MODEL = "model", "the operator's model"

    paper = models.ForeignKey(Paper, models.CASCADE, related_name="summaries")
    source = models.CharField(max_length=12, choices=Source)
    text = models.CharField(max_length=300, blank=True, help_text="empty: the answer was refused")
    refused = models.CharField(max_length=8, blank=True, help_text="why the answer is not shown")
    made_at = models.DateTimeField()
    dropped_at = models.DateTimeField(null=True, blank=True, help_text="when a curator dropped it")

    objects = PaperSummaryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "paper summaries"
        constraints = [
            models.UniqueConstraint(fields=["paper", "source"], name="a_paper_has_one_summary_of_a_source"),
        ]

    def __str__(self) -> str:
        return self.text[:100] or f"refused: {self.refused}"


class SummaryDay(models.Model):
    """The account of one UTC day's calls of the model that writes summaries."""

    date = models.DateField(unique=True)
    calls = models.PositiveIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0, help_text="in a row, until now")
    failed_at = models.DateTimeField(null=True, blank=True)
    last_failure = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-date"]

    def __str__(self) -> str:
        return f"{self.date}: {self.calls} calls"


class CuratorPickQuerySet(models.QuerySet["CuratorPick"]):
    def in_order(self) -> CuratorPickQuerySet:
        """Order picks as they stand in mails and lists: the newest day first, then as placed by hand."""
        return self.order_by("-edition_date", models.F("position").asc(nulls_last=True), "pk")


class CuratorPick(models.Model):
    class Verdict(models.TextChoices):
        PICK = "pick", "pick: in every digest"
        BOOST = "boost", "boost: moved up"
        HIDE = "hide", "hide: in no digest"

    paper = models.ForeignKey(Paper, models.CASCADE, related_name="curator_picks")
    edition_date = models.DateField()
    verdict = models.CharField(max_length=5, choices=Verdict)
    note = models.CharField(max_length=500, blank=True, help_text="shown to readers with a pick; why, for a hide")
    topic = models.ForeignKey(
        Topic,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="of a pick for its readers; null: for all",
    )
    position = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="of a pick among those of its day, placed by hand; null: ordered by the ranking",
    )
    embargo_until = models.DateTimeField(null=True, blank=True)
    curator = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = CuratorPickQuerySet.as_manager()

    class Meta:
        ordering = ["-edition_date", "verdict"]
        constraints = [
            models.UniqueConstraint(fields=["paper", "edition_date"], name="a_paper_is_judged_once_an_edition")
        ]

    def __str__(self) -> str:
        return f"{self.verdict} “{self.paper}” on {self.edition_date}"

    @property
    def is_pick(self) -> bool:
        return self.verdict == self.Verdict.PICK

    @property
    def place(self) -> tuple[int, bool, int, int]:
        """Return where a pick stands among others, as :meth:`CuratorPickQuerySet.in_order` has it."""
        return (-self.edition_date.toordinal(), self.position is None, self.position or 0, self.pk)

    @property
    def version(self) -> str:
        """Return what a form carries to tell whether the row it was made from is still the same."""
        return f"{self.edition_date}.{self.pk}.{self.updated_at.timestamp():.6f}"


class EditionLetter(models.Model):
    """The curators' letter above the papers of one edition's digests; an empty text is none.

    It is frozen when the first reader of the edition is planned, so that all of them get the same.
    """

    edition_date = models.DateField()
    text = models.TextField(blank=True, help_text="Markdown, as it was typed")
    frozen_at = models.DateTimeField(null=True, blank=True)
    curator = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-edition_date"]
        constraints = [models.UniqueConstraint(fields=["edition_date"], name="an_edition_has_one_letter")]

    def __str__(self) -> str:
        return f"letter of {self.edition_date}"

    @property
    def version(self) -> str:
        """What a form carries, to tell whether the row it was made from is still the same."""
        return f"{self.edition_date}.{self.pk}.{self.updated_at.timestamp():.6f}"


class Edition(models.Model):
    """One UTC day's frozen candidates."""

    date = models.DateField()
    opened_at = models.DateTimeField()
    completeness = models.JSONField(default=list, help_text="per source: expected, stored, and what is missing")
    tally = models.JSONField(default=dict, help_text="its deliveries by status, counted once an hour")
    topic_counts = models.JSONField(
        null=True, editable=False, help_text="topic -> its papers, 0 -> all, counted once an hour; null: not yet"
    )
    seen_before = models.JSONField(
        null=True, editable=False, help_text="its papers that were in an earlier edition too; null: not looked up yet"
    )

    class Meta:
        ordering = ["-date"]
        constraints = [models.UniqueConstraint(fields=["date"], name="a_day_has_one_edition")]

    def __str__(self) -> str:
        return self.date.isoformat()


class EditionPaperQuerySet(models.QuerySet["EditionPaper"]):
    def most_trending_first(self) -> EditionPaperQuerySet:
        """Order papers by trending score, then those without votes as they were frozen, in each source's own order."""
        return self.order_by(models.F("trending").desc(nulls_last=True), "pk")

    def shown(self, now: datetime) -> EditionPaperQuerySet:
        """Return the papers that public lists may show: not withdrawn, and :meth:`public`."""
        # withdrawn papers are few: a join would read every paper
        return self.public(now).exclude(paper__in=Paper.objects.filter(withdrawn_at__isnull=False).order_by())

    def public(self, now: datetime) -> EditionPaperQuerySet:
        """Return the papers that have a public page: not under embargo, and not hidden by the latest judgement.

        As in planning, a paper judged for one edition bears that in the next ones too. A withdrawn one is among them:
        its page says so.
        """
        hidden, held_back = self._kept_back(now)
        return self.exclude(paper__in=hidden).exclude(paper__in=held_back)

    def not_shown(self, now: datetime) -> set[int]:
        """Return the rows of these that are not :meth:`shown`: few. One query, or two if there may be any."""
        hidden, held_back = self._kept_back(now)
        # all withdrawn papers are fewer than the rows of some days
        withdrawn = Paper.objects.filter(withdrawn_at__isnull=False).order_by().values("pk")
        papers = [row["paper"] for row in hidden.union(held_back, withdrawn)]
        return set(self.filter(paper__in=papers).values_list("pk", flat=True)) if papers else set()

    @staticmethod
    def _kept_back(now: datetime) -> tuple[models.QuerySet[Any, Any], models.QuerySet[Any, Any]]:
        """Return the papers that are hidden, and those under embargo: short lists, read once for a query."""
        judged = CuratorPick.objects.filter(edition_date__lte=now.date())
        later = judged.filter(paper=models.OuterRef("paper"), edition_date__gt=models.OuterRef("edition_date"))
        hidden = judged.filter(~models.Exists(later), verdict=CuratorPick.Verdict.HIDE)
        held_back = CuratorPick.objects.filter(embargo_until__gt=now)
        return hidden.order_by().values("paper"), held_back.order_by().values("paper")


class EditionPaper(models.Model):
    """A candidate as it stood when its edition opened."""

    edition = models.ForeignKey(Edition, models.CASCADE, related_name="candidates")
    paper = models.ForeignKey(Paper, models.CASCADE, related_name="candidacies")
    trending = models.FloatField(null=True, help_text="today's score; null where nobody votes")
    inputs = models.JSONField(default=dict, help_text="what the score was computed from")
    card = models.JSONField(help_text="title, authors, sentence, url and facts as they are mailed")
    readers = models.PositiveIntegerField(
        null=True, editable=False, help_text="how many asked for something it has; counted once an hour"
    )

    objects = EditionPaperQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["edition", "paper"], name="a_paper_is_a_candidate_once_an_edition")
        ]
        # public lists count and order papers from it alone: a row with its card is fifty times as wide
        indexes = [models.Index(fields=["edition", "trending", "paper"], name="candidates_in_order")]

    def __str__(self) -> str:
        return f"{self.paper_id} in {self.edition_id}"


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


class Announcement(models.Model):
    """A mail outside the digests to the readers of a topic, or to all: written by one member, approved by another."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        APPROVED = "approved", "approved: about to be sent"
        PLANNED = "planned", "sent to all"
        CANCELLED = "cancelled"

    subject = models.CharField(max_length=78)
    text = models.TextField(help_text="Markdown, as it was typed")
    topic = models.ForeignKey(
        Topic, models.PROTECT, null=True, blank=True, related_name="+", help_text="to its readers; null: to all readers"
    )
    status = models.CharField(max_length=9, choices=Status, default=Status.DRAFT)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    approved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    approved_at = models.DateTimeField(null=True, blank=True)
    planned_up_to = models.BigIntegerField(default=0, editable=False, help_text="readers up to this number have rows")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["draft", "cancelled"]) | Q(approved_at__isnull=False),
                name="an_announcement_that_leaves_is_approved",
            ),
        ]

    def __str__(self) -> str:
        return f"announcement {self.pk}"

    @property
    def version(self) -> str:
        """What a form carries, to tell whether the row it was made from is still the same."""
        return f"{self.pk}.{self.updated_at.timestamp():.6f}"


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
        try:
            return DigestRecord.from_json(self.record) if self.record else None
        except UnknownVersion:
            return None


class DeliveryEvent(models.Model):
    """An event as a mail provider sent it, before it is applied."""

    dedupe_key = models.CharField(max_length=200)
    delivery = models.ForeignKey(Delivery, models.SET_NULL, null=True, blank=True, related_name="events")
    kind = models.CharField(max_length=20)
    at = models.DateTimeField()
    raw = models.JSONField(default=dict)
    processed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-at"]
        constraints = [models.UniqueConstraint(fields=["dedupe_key"], name="an_event_is_stored_once")]
        indexes = [
            models.Index(fields=["processed_at"], name="events_to_settle_or_forget"),
            models.Index(fields=["at"], condition=Q(kind="unknown"), name="events_not_understood"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.delivery_id}"


class Provider(models.Model):
    """The state of sending through one mail provider: paused by somebody, its breaker, and its pace."""

    class Status(models.TextChoices):
        RUNNING = "running"
        PAUSED = "paused"

    name = models.CharField(max_length=20, help_text="as MAIL_PROVIDER names it")
    status = models.CharField(max_length=7, choices=Status, default=Status.RUNNING)
    held_until = models.DateTimeField(null=True, blank=True, help_text="nothing is handed over before this")
    why = models.CharField(max_length=300, blank=True, help_text="why it was paused or held last")
    paused_by = models.CharField(max_length=150, blank=True, help_text="empty: by a command")
    paused_at = models.DateTimeField(null=True, blank=True)
    counted_since = models.DateTimeField(null=True, blank=True, help_text="refusals before this are not counted")
    slow_rate = models.FloatField(null=True, blank=True, help_text="mails a second since it found us too fast")
    slow_answer = models.CharField(max_length=20, blank=True, help_text="the refusal by which it said so")
    slowed_at = models.DateTimeField(null=True, blank=True)
    next_at = models.DateTimeField(null=True, blank=True, help_text="when its rate lets the next mail go")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name"], name="a_provider_is_one_row")]

    def __str__(self) -> str:
        return self.name


class Verdict(models.Model):
    class Value(models.TextChoices):
        MORE = "more"
        LESS = "less"

    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="verdicts")
    paper = models.ForeignKey(Paper, models.CASCADE, related_name="verdicts")
    value = models.CharField(max_length=4, choices=Value)
    given_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscriber", "paper"], name="a_reader_judges_a_paper_once")]
        indexes = [models.Index(fields=["given_at"], name="verdicts_by_time")]

    def __str__(self) -> str:
        return f"{self.value} {self.paper_id}"


class ListSource(models.Model):
    """A part of a reader's own list: a file, pasted text, or a library that is read again each week."""

    class Kind(models.TextChoices):
        FILE = "file"
        PASTED = "pasted", "pasted text"
        ZOTERO_USER = "zotero_user", "Zotero library"
        ZOTERO_GROUP = "zotero_group", "Zotero group"
        ORCID = "orcid", "ORCID record"

    class State(models.TextChoices):
        WAITING = "waiting", "waiting to be read"
        READ = "read", "read; the reader has not kept it yet"
        KEPT = "kept"

    LIBRARIES = (Kind.ZOTERO_USER, Kind.ZOTERO_GROUP, Kind.ORCID)

    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="list_sources")
    kind = models.CharField(max_length=12, choices=Kind)
    name = models.CharField(max_length=100, blank=True, help_text="the file's, or the number of a library or person")
    state = models.CharField(max_length=7, choices=State)
    given_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True, help_text="when it was last read without a problem")
    next_read_at = models.DateTimeField(null=True, blank=True, help_text="of a library")
    failures = models.PositiveSmallIntegerField(default=0, help_text="in a row, until now")
    problem = models.CharField(
        max_length=40,
        blank=True,
        choices=[(kind.value, kind.replace("_", " ")) for kind in ErrorKind],
        help_text="why the last reading brought nothing",
    )
    found = models.JSONField(default=dict, blank=True, help_text="a ReadingResult, emptied when it is kept")

    class Meta:
        ordering = ["-given_at", "-pk"]
        indexes = [models.Index(fields=["next_read_at"], name="libraries_to_read")]
        constraints = [
            models.UniqueConstraint(
                fields=["subscriber", "kind", "name"],
                condition=Q(kind__in=["zotero_user", "zotero_group", "orcid"]),
                name="a_reader_names_a_library_once",
            )
        ]

    # Not the name: the admin's log would keep it after erasure.
    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class ListEntryQuerySet(models.QuerySet["ListEntry"]):
    def newest(self, reader: Subscriber, *, most: int = 500) -> ListEntryQuerySet:
        """Return the entries of a reader's list that count for their ranking, newest first, with their papers."""
        mine = self.filter(subscriber=reader, taken_back=False).select_related("paper")
        return mine.order_by("-added_at", "pk")[:most]


class ListEntry(models.Model):
    """A work in a reader's own list: a paper that is stored here, or only its text as the reader gave it."""

    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="list_entries", db_index=False)
    source = models.ForeignKey(ListSource, models.CASCADE, related_name="entries")
    paper = models.ForeignKey(Paper, models.SET_NULL, null=True, blank=True, related_name="list_entries")
    name = models.CharField(max_length=510, help_text="its canonical identifier, else the hash of its title")
    title = models.TextField(help_text="clean text, as the reader's list has it; else the paper's")
    abstract = models.TextField(blank=True)
    added_at = models.DateTimeField(help_text="when the reader took it into their library, else when it was kept")
    taken_back = models.BooleanField(
        default=False, help_text="by the reader; the row stays so that the library does not bring it again"
    )

    objects = ListEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "list entries"
        ordering = ["-added_at", "pk"]
        indexes = [models.Index(fields=["subscriber", "-added_at"], name="newest_of_a_list")]
        constraints = [models.UniqueConstraint(fields=["subscriber", "name"], name="a_list_has_a_work_once")]

    def __str__(self) -> str:
        return f"list entry {self.pk}"

    @property
    def text(self) -> tuple[str, str, list[str]]:
        """Return title, abstract and categories, of the paper if it is known. Select ``paper`` before."""
        if self.paper:
            return self.paper.title, self.paper.abstract or self.abstract, self.paper.categories
        return self.title, self.abstract, []


class SavedPaper(models.Model):
    """A paper that a reader saved to read later."""

    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="saves", db_index=False)
    paper = models.ForeignKey(Paper, models.CASCADE, related_name="saves")
    saved_at = models.DateTimeField()

    class Meta:
        ordering = ["-saved_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["subscriber", "paper"], name="a_reader_saves_a_paper_once")]

    def __str__(self) -> str:
        return f"saved {self.paper_id}"


class SavedFeed(models.Model):
    """The address of a reader's feed of saved papers; deleting the row revokes it."""

    subscriber = models.OneToOneField(Subscriber, models.CASCADE, primary_key=True, related_name="saved_feed")
    name = models.CharField(max_length=16, help_text="the first half of the token; the other is its seal")
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name"], name="a_feed_has_its_own_name")]

    # Not the name: the admin's log would keep it.
    def __str__(self) -> str:
        return f"feed of {self.subscriber_id}"


class VectorModel(models.Model):
    """A model that makes vectors of titles. The one that is ``serving`` is used; another fills up until it can be.

    ``space`` is the mean and the whitening of the archive's vectors, float32.
    """

    name = models.CharField(max_length=200, help_text="tells it from any other model")
    dimension = models.PositiveIntegerField()
    serving = models.BooleanField(default=False)
    made_at = models.DateTimeField()
    space = models.BinaryField(default=bytes)
    space_made_at = models.DateTimeField(null=True, blank=True)
    milliseconds = models.FloatField(null=True, blank=True, help_text="for one title, in the last run")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name"], name="a_model_is_there_once"),
            models.UniqueConstraint(fields=["serving"], condition=Q(serving=True), name="one_model_serves"),
        ]

    def __str__(self) -> str:
        return self.name


class TitleVector(models.Model):
    """A paper's title as a vector of one model: float16, little-endian; empty if the model gave no number."""

    paper = models.ForeignKey(Paper, models.CASCADE, related_name="title_vectors", db_index=False)
    model = models.ForeignKey(VectorModel, models.CASCADE, related_name="title_vectors")
    vector = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["paper", "model"], name="a_title_has_a_vector_a_model")]

    def __str__(self) -> str:
        return f"vector of {self.paper_id}"


class StatedVector(models.Model):
    """The vector of the words that a reader typed, float16."""

    subscriber = models.OneToOneField(Subscriber, models.CASCADE, primary_key=True, related_name="stated_vector")
    model = models.ForeignKey(VectorModel, models.CASCADE, related_name="+")
    words_hash = models.CharField(max_length=64)
    vector = models.BinaryField()

    def __str__(self) -> str:
        return f"stated vector of {self.subscriber_id}"


class ReaderProfile(models.Model):
    """What a reader's likes say, as ``digest.ranking.profiles`` compares it; ``digest.reader_data.profiles`` writes it.

    ``grams`` are 32-bit codes in rising order, ``weights`` float16, ``vector`` float32, all little-endian.
    """

    subscriber = models.OneToOneField(Subscriber, models.CASCADE, primary_key=True, related_name="profile")
    stamp = models.CharField(max_length=200, help_text="what it was made of; another one makes it again")
    likes = models.PositiveIntegerField(default=0)
    grams = models.BinaryField(default=bytes)
    weights = models.BinaryField(default=bytes)
    weight = models.FloatField(default=0, help_text="sum of the weights of its texts")
    vector = models.BinaryField(default=bytes, help_text="weighted sum of title vectors")
    vector_weight = models.FloatField(default=0, help_text="sum of the weights of the texts that have a vector")
    vector_model = models.ForeignKey(
        VectorModel, models.SET_NULL, null=True, blank=True, related_name="+", help_text="null: to be made again"
    )
    categories = models.JSONField(default=dict, help_text="share of the liked papers by category")

    # Not what is liked: the admin's log would keep it after erasure.
    def __str__(self) -> str:
        return f"profile of {self.subscriber_id}"


class DayTally(models.Model):
    """Counts of one day, counted once an hour, so that no page has to; digest/stats/daily_counts.py says which."""

    date = models.DateField()
    counts = models.JSONField(default=dict)
    counted_at = models.DateTimeField(null=True, blank=True)
    reasons_forgotten = models.BooleanField(default=False, help_text="why its papers were chosen is not kept any more")

    class Meta:
        ordering = ["-date"]
        verbose_name_plural = "day tallies"
        constraints = [models.UniqueConstraint(fields=["date"], name="a_day_is_counted_in_one_row")]

    def __str__(self) -> str:
        return self.date.isoformat()


class Lease(models.Model):
    """A turn that one process holds at a time: the minute tick, each host's next request."""

    name = models.CharField(max_length=200)
    holder = models.CharField(max_length=100, blank=True)
    until = models.DateTimeField()
    last_ok_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name"], name="a_lease_has_one_holder")]

    def __str__(self) -> str:
        return self.name
