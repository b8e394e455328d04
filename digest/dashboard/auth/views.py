"""Sign-in pages of the staff: those of allauth that are needed; the audit log records changes."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from allauth.account.views import PasswordChangeView, login, logout, reauthenticate
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.base.views import authenticate, index
from allauth.mfa.base.views import reauthenticate as prove_code
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, download_recovery_codes, view_recovery_codes
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.cache import never_cache

from digest.dashboard import audit_log
from digest.dashboard.auth import attempts
from subscriptions.rate_limits import refund


class Logged:
    """A page that records its form in the audit log, in the same transaction."""

    done: str
    request: HttpRequest

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            # allauth has no types, so what comes after it in the mixin is unknown
            response: HttpResponse = super().form_valid(form)  # type: ignore[misc]
            user = cast(User, self.request.user)  # allauth asked for a sign-in
            audit_log.record(user, user, self.done)
        return response


class SetUpCode(Logged, ActivateTOTPView):
    done = "Set up a second factor"

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        record_authentication(self.request, self.request.user, method="mfa", reauthenticated=True)
        return response


class SwitchOffCode(Logged, DeactivateTOTPView):
    done = "Switched off the second factor"


class NewRecoveryCodes(Logged, GenerateRecoveryCodesView):
    done = "Made new recovery codes"


class ChangePassword(Logged, PasswordChangeView):
    done = "Changed their password"


class Counted:
    """A form with a code of the app or a recovery code; wrong ones are counted by user and device."""

    user: User

    def clean_code(self) -> str:
        attempt = attempts.begin_code(context.request, self.user)
        if attempt is None:
            raise get_adapter().validation_error("too_many_login_attempts")
        # allauth has no types, so what comes after it in the mixin is unknown
        right: str = super().clean_code()  # type: ignore[misc]
        refund(attempt)
        return right


class Code(Counted, AuthenticateForm):
    """The code after the password."""


class CodeAgain(Counted, ReauthenticateForm):
    """The code before an act that cannot be undone."""


class FirstCode(ActivateTOTPForm):
    """The first code of a new app; it is marked as used, like any other."""

    def clean_code(self) -> str:
        code = str(super().clean_code())
        TOTP(Authenticator(user=self.user))._mark_code_used(code)
        return code


# allauth looks these names up. There is no sign-up, password by mail or change of address: the command "staff" does
# that on the server.
urlpatterns = [
    path("login/", login, name="account_login"),
    path("logout/", logout, name="account_logout"),
    path("again/", never_cache(reauthenticate), name="account_reauthenticate"),
    path("password/", never_cache(ChangePassword.as_view()), name="account_change_password"),
    path("", never_cache(index), name="mfa_index"),
    path("code/", authenticate, name="mfa_authenticate"),
    path("code/again/", never_cache(prove_code), name="mfa_reauthenticate"),
    path("code/set-up/", never_cache(SetUpCode.as_view()), name="mfa_activate_totp"),
    path("code/switch-off/", never_cache(SwitchOffCode.as_view()), name="mfa_deactivate_totp"),
    path("recovery-codes/", view_recovery_codes, name="mfa_view_recovery_codes"),
    path("recovery-codes/new/", never_cache(NewRecoveryCodes.as_view()), name="mfa_generate_recovery_codes"),
    path("recovery-codes/file/", download_recovery_codes, name="mfa_download_recovery_codes"),
]
