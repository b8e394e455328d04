"""Every address of the service."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("digest.urls")),
    path("", include("subscriptions.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "digest.config.errors.bad_request"
handler403 = "digest.config.errors.forbidden"
handler404 = "digest.config.errors.not_found"
handler500 = "digest.config.errors.broken"
