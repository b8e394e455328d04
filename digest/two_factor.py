"""Check whether the staff need a second factor, and who has one."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

DEMONSTRATION = "curator@broadsheet.invalid"  # created by the first ./run digest


def code_is_required() -> bool:
    """Return whether a password alone is not enough: as soon as mail goes anywhere but the outbox."""
    return bool(settings.MAIL_PROVIDER != "outbox")


def has_code(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether this user has set up an authenticator app. One query."""
    return Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.TOTP).exists()
