"""What differs here from allauth's ways: nobody signs up, nobody is mailed, and every failure says the same."""

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

from digest.two_factor import code_is_required, has_code
from subscriptions.rate_limits import ip_of

REFUSED = "This address and password do not belong together. Check both and try again."
TOO_MANY = "There were too many tries. Wait five minutes, then try again."
WRONG_CODE = "This code is not right, or was used before. Wait until your app shows the next one."


class Accounts(DefaultAccountAdapter):
    """Sign-in by address and password."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": REFUSED,
        "incorrect_password": "This is not your password. Try again.",
        "enter_current_password": "This is not your password. Try again.",
        "too_many_login_attempts": TOO_MANY,
        "rate_limited": TOO_MANY,
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Whose tries are counted together: the visitor as the outermost of our own proxies saw them."""
        return ip_of(request) or "unknown"

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Who has just signed in has proved who they are: acts that are asked again need not ask at once."""
        super().login(request, user)
        record_authentication(request, user, method="mfa" if has_code(user) else "password", reauthenticated=True)

    def get_reauthentication_methods(self, user: AbstractBaseUser | AnonymousUser) -> list[dict[str, Any]]:
        """The code of who has one: a password that somebody saw must not do."""
        wanted = "mfa_reauthenticate" if has_code(user) else "reauthenticate"
        return [method for method in super().get_reauthentication_methods(user) if method["id"] == wanted]

    def respond_user_inactive(self, request: HttpRequest, user: AbstractBaseUser) -> HttpResponse:
        messages.error(request, REFUSED)
        return redirect("account_login")

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> NoReturn:
        """Mail leaves by one door (subscriptions/mail/mailer.py), and nothing here is to be mailed."""
        raise NotImplementedError(f"allauth would mail {template_prefix}")


class Codes(DefaultMFAAdapter):
    """The second factor: codes of an app, and recovery codes."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": WRONG_CODE,
        "cannot_delete_authenticator": "Mail leaves for real, so a code is needed: it cannot be switched off.",
    }

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        return not code_is_required()
