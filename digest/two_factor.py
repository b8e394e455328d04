"""Say whether the staff need a second factor, and who has one."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

DEMONSTRATION = "curator@broadsheet.invalid"  # the login that a first ./run digest leaves


def code_is_required() -> bool:
    """As soon as mail leaves for anything but the outbox, a password alone opens nothing."""
    return bool(settings.MAIL_PROVIDER != "outbox")


def has_code(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether an app of theirs makes codes; one query."""
    return Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.TOTP).exists()
