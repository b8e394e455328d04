"""All URLs of the service."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from subscriptions.admin import ReadOnly

# allauth's documented way to put its own sign-in before the admin
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
# Django's and allauth's own tables would show secrets, and give roles without a line in the audit log
for model, table in list(admin.site._registry.items()):
    if not isinstance(table, ReadOnly):
        admin.site.unregister(model)

urlpatterns = [
    path("", include("digest.web.urls")),
    path("", include("subscriptions.urls")),
    path("dashboard/", include("digest.dashboard.urls")),
    path("staff/", include("digest.dashboard.auth.views")),
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/", admin.site.urls),
]

handler400 = "digest.config.errors.bad_request"
handler403 = "digest.config.errors.forbidden"
handler404 = "digest.config.errors.not_found"
handler500 = "digest.config.errors.broken"
handler429 = "digest.config.errors.too_many"  # used by allauth
