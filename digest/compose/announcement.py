"""Make the mail of an announcement from its row, which is frozen once it is approved."""

from __future__ import annotations

from collections.abc import Iterable

from digest.compose.emails import sender
from digest.compose.letter import read_letter
from digest.models import Announcement, Delivery
from subscriptions.mail.marks import gettext as _
from subscriptions.mail.rendering import RenderedEmail, render_email
from subscriptions.models import Subscriber
from subscriptions.tokens import preferences_url, unsubscribe_url

TO_TOPIC = _(
    "Sent to %(address)s, as to the readers of the topic %(topic)s, because you agreed to announcements when you "
    "subscribed."
)
TO_ALL = _("Sent to %(address)s, as to all readers, because you agreed to announcements when you subscribed.")


def announcements_among(deliveries: Iterable[Delivery]) -> dict[int, Announcement]:
    """Return the approved announcements among these deliveries by number; one query, or none for digests alone."""
    if not (numbers := {row.announcement_id for row in deliveries if row.announcement_id}):
        return {}
    return Announcement.objects.filter(approved_at__isnull=False).select_related("topic").in_bulk(numbers)


def announcement_email(announced: Announcement, reader: Subscriber) -> RenderedEmail:
    """Return the mail for one reader: the same each time."""
    values = {"address": reader.email, "topic": announced.topic.name if announced.topic else ""}
    return render_email(
        "announcement",
        subject=announced.subject,
        letter=read_letter(announced.text),
        why_you=(TO_TOPIC if announced.topic else TO_ALL) % values,
        unsubscribe_url=unsubscribe_url(reader),
        preferences_url=preferences_url(reader),
        sender=sender(),
    )
