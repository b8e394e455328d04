"""Adapt allauth: no sign-up, no mail, and the same message for every failure."""

from __future__ import annotations

from typing import Any, NoReturn

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from digest.dashboard.auth import attempts
from digest.two_factor import code_is_required, has_code
from subscriptions.rate_limits import refund

REFUSED = _("The address or the password is wrong. Check both and try again.")
TOO_MANY = _("Too many attempts. Wait five minutes, then try again.")
WRONG_CODE = _("This code is wrong or was used before. Wait until your app shows the next one.")
WRONG_PASSWORD = _("This is not your password. Try again.")


class Accounts(DefaultAccountAdapter):
    """Sign-in by address and password."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": REFUSED,
        "incorrect_password": WRONG_PASSWORD,
        "enter_current_password": WRONG_PASSWORD,
        "too_many_login_attempts": TOO_MANY,
        "rate_limited": TOO_MANY,
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return what allauth counts forms by, right or wrong."""
        return attempts.visitor_of(request)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Return the user with this address and password, or None; raise after too many failures."""
        attempt = attempts.begin_password(request, credentials.get("email", ""))
        if attempt is None:
            raise self.validation_error("too_many_login_attempts")
        user: AbstractBaseUser | None = super().authenticate(request, **credentials)
        if user:
            refund(attempt)
        return user

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Sign in and count it as a reauthentication, so that the next act does not ask again at once."""
        super().login(request, user)
        record_authentication(request, user, method="mfa" if has_code(user) else "password", reauthenticated=True)

    def post_login(self, request: HttpRequest, user: AbstractBaseUser, **login: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **login)
        # allauth says AbstractBaseUser; ours is Django's User
        attempts.remember_device(response, user.email)  # type: ignore[attr-defined]
        return response

    def get_reauthentication_methods(self, user: AbstractBaseUser | AnonymousUser) -> list[dict[str, Any]]:
        """Return only the code for users who have one: a stolen password must not be enough."""
        wanted = "mfa_reauthenticate" if has_code(user) else "reauthenticate"
        return [method for method in super().get_reauthentication_methods(user) if method["id"] == wanted]

    def respond_user_inactive(self, request: HttpRequest, user: AbstractBaseUser) -> HttpResponse:
        messages.error(request, REFUSED)
        return redirect("account_login")

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> NoReturn:
        """Raise: all mail goes through subscriptions/mail/mailer.py, and allauth has nothing to send."""
        raise NotImplementedError(f"allauth would mail {template_prefix}")


class Codes(DefaultMFAAdapter):
    """The second factor: codes of an app, and recovery codes."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": WRONG_CODE,
        "cannot_delete_authenticator": _("The code is required, since this service sends real mail."),
    }

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        return not code_is_required()
