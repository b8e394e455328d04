"""Every address of the service."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("digest.urls")),
    path("", include("subscriptions.urls")),
    path("admin/", admin.site.urls),
]
