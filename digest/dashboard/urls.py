"""The addresses of the dashboard, under ``/dashboard/``; each page has its own."""

from digest.dashboard import deliveries, preview, readers, sources, today, topics

urlpatterns = [
    *today.urlpatterns,
    *preview.urlpatterns,
    *sources.urlpatterns,
    *topics.urlpatterns,
    *deliveries.urlpatterns,
    *readers.urlpatterns,
]
