"""Make the mail of one delivery, outside a batch."""

from __future__ import annotations

from digest.compose.emails import Mails
from digest.models import Delivery
from subscriptions.mail.rendering import RenderedEmail
from subscriptions.mail.template_cache import JoinedEmail


def email_for(delivery: Delivery) -> RenderedEmail | JoinedEmail:
    mails = Mails()
    mails.read_cards([delivery])
    return mails.email_for(delivery)
