from django.urls import path

from digest.views import public

urlpatterns = [
    path("", public.home, name="home"),
    path("health", public.health, name="health"),
]
