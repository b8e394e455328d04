"""URLs of the dashboard, under ``/dashboard/``; each page module has its own."""

from digest.dashboard import (
    announcements,
    changes,
    deliveries,
    letter,
    preview,
    readers,
    sources,
    staff_members,
    today,
    topics,
)

urlpatterns = [
    *today.urlpatterns,
    *letter.urlpatterns,
    *announcements.urlpatterns,
    *preview.urlpatterns,
    *sources.urlpatterns,
    *changes.urlpatterns,
    *topics.urlpatterns,
    *deliveries.urlpatterns,
    *readers.urlpatterns,
    *staff_members.urlpatterns,
]
