"""URLs of the dashboard, under ``/dashboard/``; each page module has its own."""

from digest.dashboard import deliveries, preview, readers, sources, today, topics

urlpatterns = [
    *today.urlpatterns,
    *preview.urlpatterns,
    *sources.urlpatterns,
    *topics.urlpatterns,
    *deliveries.urlpatterns,
    *readers.urlpatterns,
]
