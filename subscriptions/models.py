"""Tables of subscribers, their preferences, and the permission to write to them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.models import Q
from django.utils import timezone

from subscriptions.keyed_hash import KeyedHash, keyed_hash
from subscriptions.unicode_text import normalise

LONGEST_TYPED = 1000  # characters of an address; no mail server takes more than 254
WEEKDAYS_ALL = 0b1111111
WEEKDAYS_WORKING = 0b0011111  # bit 0 is Monday


def new_public_id() -> str:
    """Return 22 characters of A-Za-z0-9_- (128 bits): the only reader id that others see."""
    return secrets.token_urlsafe(16)


def email_key(email: str) -> str:
    """Return what two spellings of one address share: NFC, lower case, case-folded local part; dots and +tags stay."""
    local, _, domain = normalise("NFC", email.strip(), limit=LONGEST_TYPED).rpartition("@")
    return f"{local.casefold()}@{domain.lower()}"


def address_hash(email: str) -> str:
    """Return the keyed hash of a suppressed address: it is kept after erasure, and is useless without the key."""
    return address_hashes(email)[0]


def address_hashes(email: str) -> list[str]:
    """Return the hashes by which this address may be suppressed: with the key, and with each that it replaced."""
    return _hashes(email, _suppression_keys())


def _suppression_keys() -> list[KeyedHash]:
    return [keyed_hash(key) for key in (settings.SUPPRESSION_KEY, *settings.SUPPRESSION_KEY_FALLBACKS)]


def _hashes(email: str, keys: Sequence[KeyedHash]) -> list[str]:
    address = email_key(email).encode()
    return [key.digest(address).hex() for key in keys]


def list_of_phrases(value: object) -> None:
    """Raise ValidationError unless this is a list of non-empty texts: one bad topic would stop every digest."""
    if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
        raise ValidationError('Write a list of phrases in quotes, such as ["graph coloring", "extremal"].')


# What can be turned down in a reader's ranking, and to which percentages (digest.ranking.personal has the same parts)
PARTS = ("topic", "words", "about", "category", "author", "like_this", "titles", "shared")
TURNED_DOWN = (50, 0)


def parts_turned_down(value: object) -> None:
    """Raise ValidationError unless this maps some of PARTS to percentages of TURNED_DOWN."""
    if not isinstance(value, dict) or not value.keys() <= {*PARTS} or not {*value.values()} <= {*TURNED_DOWN}:
        raise ValidationError('Write parts of the ranking with 50 or 0, such as {"topic": 50, "words": 0}.')


def known_zone(value: str) -> None:
    if value not in available_timezones():
        raise ValidationError("Write the name of a time zone, such as Europe/Berlin.")


class Topic(models.Model):
    """A topic that readers can choose; a paper matches it by category or by keyword."""

    slug = models.SlugField(max_length=60)
    name = models.CharField(max_length=80)
    group = models.CharField(max_length=60)
    description = models.CharField(max_length=300, blank=True)
    categories = models.JSONField(
        default=list,
        blank=True,
        validators=[list_of_phrases],
        help_text='arXiv categories or archives: ["cs.RO", "math"]',
    )
    keywords = models.JSONField(
        default=list, blank=True, validators=[list_of_phrases], help_text='found as whole words: ["graph coloring"]'
    )
    aliases = models.JSONField(
        default=list,
        blank=True,
        validators=[list_of_phrases],
        help_text='other names that people look for: ["computer vision", "CV"]',
    )
    offered = models.BooleanField(default=True)
    position = models.PositiveSmallIntegerField(default=0)
    wanted = models.PositiveIntegerField(
        default=0, editable=False, help_text="by so many readers, counted once an hour"
    )
    muted = models.PositiveIntegerField(default=0, editable=False, help_text="by so many readers, counted once an hour")

    class Meta:
        ordering = ["position", "name"]
        constraints = [
            models.UniqueConstraint(fields=["slug"], name="a_topic_has_its_own_slug"),
            models.UniqueConstraint(fields=["name"], name="a_topic_has_its_own_name"),
        ]

    def __str__(self) -> str:
        return self.name


class SubscriberQuerySet(models.QuerySet["Subscriber"]):
    def on_the_list(self) -> SubscriberQuerySet:
        """Return active and paused readers, who get a delivery row on each of their days."""
        return self.filter(status__in=[Subscriber.Status.ACTIVE, Subscriber.Status.PAUSED])

    def due(self, now: datetime) -> SubscriberQuerySet:
        return self.on_the_list().filter(next_send_at__lte=now)


class Subscriber(models.Model):
    class Status(models.TextChoices):
        PENDING = "pending", "pending: has not confirmed"
        ACTIVE = "active", "active"
        PAUSED = "paused", "paused"
        UNSUBSCRIBED = "unsubscribed", "unsubscribed"
        ERASED = "erased", "erased"

    class Layout(models.TextChoices):
        COMPACT = "compact", "one sentence of each paper"
        FULL = "full", "the abstracts too"

    public_id = models.CharField(max_length=22, default=new_public_id, editable=False)
    email = models.EmailField(max_length=254)
    email_key = models.CharField(max_length=254, editable=False)
    status = models.CharField(max_length=12, choices=Status, default=Status.PENDING)
    zone = models.CharField(
        max_length=64, default="UTC", validators=[known_zone], help_text="an IANA name such as Europe/Berlin"
    )
    send_hour = models.PositiveSmallIntegerField(default=7)
    weekdays = models.PositiveSmallIntegerField(default=WEEKDAYS_WORKING, help_text="bits, Monday is 1, Sunday 64")
    max_papers = models.PositiveSmallIntegerField(default=10)
    hype = models.PositiveSmallIntegerField(default=50, help_text="weight of popularity, 0 to 100")
    turned_down = models.JSONField(
        default=dict,
        blank=True,
        validators=[parts_turned_down],
        help_text='percentages of the parts of the ranking that count less, such as {"words": 50}',
    )
    quiet_days = models.BooleanField(default=False, help_text="write on days with nothing for them, too")
    layout = models.CharField(max_length=7, choices=Layout, default=Layout.COMPACT)
    also_trending = models.BooleanField(default=True, help_text="name papers that trend and match no wish, too")
    paused_until = models.DateField(null=True, blank=True)
    pending_email = models.EmailField(max_length=254, null=True, blank=True)  # noqa: DJ001 (absent is not empty)
    pending_since = models.DateTimeField(null=True, blank=True)
    next_send_at = models.DateTimeField(null=True, blank=True)
    last_issue_date = models.DateField(null=True, blank=True)
    last_digest_at = models.DateTimeField(null=True, blank=True)
    signed_up_at = models.DateTimeField(default=timezone.now)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmation_sent_at = models.DateTimeField(null=True, blank=True)
    confirmations_today = models.PositiveSmallIntegerField(default=0)
    link_sent_at = models.DateTimeField(null=True, blank=True)  # of a mail with a link to sign in
    links_today = models.PositiveSmallIntegerField(default=0)
    left_at = models.DateTimeField(null=True, blank=True)  # the list; may be taken back for a day
    left_as = models.CharField(max_length=12, blank=True, help_text="status before leaving")
    key_version = models.PositiveSmallIntegerField(default=1, editable=False)

    objects = SubscriberQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["public_id"], name="a_subscriber_has_its_own_public_id"),
            models.UniqueConstraint(fields=["email_key"], name="an_address_subscribes_once"),
            models.CheckConstraint(
                condition=~Q(status="active") | Q(confirmed_at__isnull=False),
                name="an_active_subscriber_has_confirmed",
            ),
            models.CheckConstraint(condition=Q(send_hour__range=(4, 20)), name="a_digest_leaves_between_4_and_20"),
            models.CheckConstraint(condition=Q(weekdays__range=(1, 127)), name="a_week_has_one_to_seven_days"),
            models.CheckConstraint(condition=Q(max_papers__range=(3, 25)), name="a_digest_has_3_to_25_papers"),
            models.CheckConstraint(condition=Q(hype__range=(0, 100)), name="hype_is_0_to_100"),
        ]
        indexes = [
            models.Index(fields=["next_send_at"], name="who_is_due"),
            # For LIKE: the unique index uses the database's collation.
            models.Index(fields=["email_key"], opclasses=["varchar_pattern_ops"], name="addresses_by_their_beginning"),
        ]

    # Not the address: the admin's log keeps this text for good.
    def __str__(self) -> str:
        return self.public_id

    def is_paused(self, day: date) -> bool:
        """Return whether the reader's pause covers that day."""
        return self.status == self.Status.PAUSED and (self.paused_until is None or day < self.paused_until)


class Preference(models.Model):
    """One thing that a reader wants or mutes."""

    class Kind(models.TextChoices):
        TOPIC = "topic"
        KEYWORD = "keyword"
        CATEGORY = "category"
        AUTHOR = "author"

    class Stance(models.TextChoices):
        WANT = "want"
        MUTE = "mute"

    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="preferences")
    kind = models.CharField(max_length=8, choices=Kind)
    topic = models.ForeignKey(Topic, models.CASCADE, null=True, blank=True, related_name="preferences")
    value = models.CharField(max_length=200, blank=True)
    stance = models.CharField(max_length=4, choices=Stance, default=Stance.WANT)
    until = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subscriber", "topic"], condition=Q(topic__isnull=False), name="a_topic_is_preferred_once"
            ),
            models.UniqueConstraint(
                fields=["subscriber", "kind", "value"],
                condition=Q(topic__isnull=True),
                name="a_word_category_or_author_is_preferred_once",
            ),
            models.CheckConstraint(
                condition=Q(kind="topic", topic__isnull=False, value="")
                | (~Q(kind="topic") & Q(topic__isnull=True) & ~Q(value="")),
                name="a_preference_names_a_topic_or_a_value",
            ),
        ]

    # Not the value: the admin's log would keep it after erasure.
    def __str__(self) -> str:
        return f"{self.stance} {self.kind}"


# Read which of these hashes are of addresses that get no mail.
BLOCKED = "SELECT address_hash FROM subscriptions_suppression WHERE lifted_at IS NULL AND address_hash IN ({hashes})"


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def blocked(self, subscribers: Iterable[Subscriber]) -> set[int]:
        """Return the ids of the readers with a suppressed address. One query."""
        keys = _suppression_keys()
        hashes = {one: reader.id for reader in subscribers for one in _hashes(reader.email, keys)}
        if not hashes:
            return set()
        with connection.cursor() as cursor:  # as text: Django takes longer to write so many values than to ask
            cursor.execute(BLOCKED.format(hashes=", ".join(["%s"] * len(hashes))), list(hashes))
            return {hashes[value] for (value,) in cursor.fetchall()}

    def of(self, email: str) -> SuppressionQuerySet:
        """Return the records of this address, active or lifted: at most one for each key."""
        return self.filter(address_hash__in=address_hashes(email))

    def blocking(self, email: str) -> SuppressionQuerySet:
        """Return the active records of this address."""
        return self.of(email).filter(lifted_at=None)


class Suppression(models.Model):
    """An address that gets no mail. The record stays after the subscriber is deleted or erased."""

    class Reason(models.TextChoices):
        BOUNCED = "bounced", "the address does not exist"
        COMPLAINED = "complained", "the reader reported spam"
        BY_HAND = "by_hand", "entered by hand"

    address_hash = models.CharField(max_length=64, editable=False)
    reason = models.CharField(max_length=10, choices=Reason)
    since = models.DateTimeField(default=timezone.now)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.CharField(max_length=150, blank=True)
    why = models.TextField(blank=True)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["address_hash"], name="an_address_is_suppressed_once")]

    def __str__(self) -> str:
        return f"{self.address_hash[:12]}… {self.reason}"


class SuppressionKey(models.Model):
    """A key that addresses were suppressed with: only its fingerprint, which tells that it is there."""

    fingerprint = models.CharField(max_length=32, unique=True)
    since = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.fingerprint[:8]}… since {self.since:%Y-%m-%d}"


class ConsentEventQuerySet(models.QuerySet["ConsentEvent"]):
    """An append-only record: rows are never changed or deleted."""

    def update(self, **fields: object) -> int:
        if set(fields) - {"ip", "user_agent"} or any(value is not None for value in fields.values()):
            raise TypeError("a consent event is never changed; erasure may null exactly ip and user_agent")
        return super().update(**fields)

    def delete(self) -> tuple[int, dict[str, int]]:
        raise TypeError("a consent event is never deleted")


class ConsentEvent(models.Model):
    class Kind(models.TextChoices):
        SIGNED_UP = "signed_up"
        ASKED = "asked", "confirmation mail sent"
        CONFIRMED = "confirmed"
        DEMO = "demo", "demonstration reader laid down"
        OPERATOR = "operator", "added by the operator"
        PAUSED = "paused"
        RESUMED = "resumed"
        WEEKLY = "weekly", "a digest a week"
        ADDRESS_CHANGED = "changed", "address changed"
        UNSUBSCRIBED = "unsubscribed"
        REJOINED = "rejoined", "took leaving back"
        SUPPRESSED = "suppressed"
        LIFTED = "lifted", "suppression lifted"
        ERASED = "erased"

    public_id = models.CharField(max_length=22, db_index=True)
    kind = models.CharField(max_length=12, choices=Kind)
    at = models.DateTimeField()
    ip = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=300, null=True, blank=True)  # noqa: DJ001 (erasure nulls it)
    page = models.CharField(max_length=200, blank=True, help_text="address of the form or page that was used")
    wording = models.CharField(max_length=40, blank=True, help_text="version and hash of the words that were agreed to")
    reference = models.CharField(max_length=100, blank=True, help_text="message id of a mail, or number of a token")

    objects = ConsentEventQuerySet.as_manager()

    class Meta:
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["at", "kind"], name="consent_by_time")]

    def __str__(self) -> str:
        return f"{self.public_id} {self.kind}"


class LoginToken(models.Model):
    """The secret of a single-use link; only its hash is stored."""

    class Purpose(models.TextChoices):
        CONFIRM = "confirm"
        SIGN_IN = "sign_in"
        CHANGE_ADDRESS = "change_address"

    token_hash = models.CharField(max_length=64)
    purpose = models.CharField(max_length=14, choices=Purpose)
    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="login_tokens")
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    choices = models.JSONField(null=True, blank=True, help_text="of a sign-up, held until it is confirmed")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["token_hash"], name="a_token_is_issued_once")]

    def __str__(self) -> str:
        return f"{self.purpose} for {self.subscriber_id}"


class LinkRequest(models.Model):
    """A request for a mail with a link. A task answers it, so that no page reveals who is subscribed.

    The row is deleted once it is answered; one that a dead worker left ``answering`` is tried again only where nothing
    of it was written down.
    """

    class Kind(models.TextChoices):
        SIGN_UP = "sign_up"
        SIGN_IN = "sign_in"
        CHANGE_ADDRESS = "change_address"

    class Status(models.TextChoices):
        WAITING = "waiting"
        ANSWERING = "answering"

    kind = models.CharField(max_length=14, choices=Kind)
    status = models.CharField(max_length=9, choices=Status, default=Status.WAITING)
    email = models.EmailField(max_length=254, help_text="where the mail is to go")
    subscriber = models.ForeignKey(Subscriber, models.CASCADE, null=True, blank=True, help_text="a known asker")
    choices = models.JSONField(default=dict, blank=True, help_text="of a sign-up: Choices.as_json")
    asked_at = models.DateTimeField()
    not_before = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    changed_at = models.DateTimeField(null=True, blank=True, help_text="when what was asked for was written down")
    page = models.CharField(max_length=200, blank=True)
    wording = models.CharField(max_length=40, blank=True)
    ip = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["status", "not_before"], name="mail_requests_to_answer")]

    def __str__(self) -> str:
        return f"{self.kind} asked at {self.asked_at:%Y-%m-%d %H:%M}"


class RateCounter(models.Model):
    """The number of requests from one network, or about one address, in the period that ends at ``until``."""

    name = models.CharField(max_length=60)
    until = models.DateTimeField(db_index=True)
    count = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "until"], name="counts_of_one_period_are_one_row")]

    def __str__(self) -> str:
        return f"{self.count} until {self.until:%Y-%m-%d %H:%M}"
