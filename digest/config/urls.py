"""Every address of the service."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("", include("digest.urls")),
    path("", include("subscriptions.urls")),
    path("desk/", include("digest.desk.urls")),
    path("staff/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "digest.config.errors.bad_request"
handler403 = "digest.config.errors.forbidden"
handler404 = "digest.config.errors.not_found"
handler500 = "digest.config.errors.broken"
