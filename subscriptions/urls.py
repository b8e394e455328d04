from django.urls import path

from subscriptions import views

urlpatterns = [path("u/<str:token>", views.unsubscribe, name="unsubscribe")]
