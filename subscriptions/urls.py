from django.urls import path

from subscriptions.views import joining, leaving, tuning, visiting

urlpatterns = [
    path("subscribe", joining.sign_up, name="sign_up"),
    path("subscribe/sent", joining.sign_up_sent, name="sign_up_sent"),
    path("c/<str:token>", joining.confirm, name="confirm"),
    path("sign-in", visiting.sign_in, name="sign_in"),
    path("sign-in/sent", visiting.sign_in_sent, name="sign_in_sent"),
    path("sign-out", visiting.sign_out, name="sign_out"),
    path("p/<str:token>", visiting.ask_for_link, name="ask_for_link"),
    path("s/<str:token>", visiting.magic_link, name="magic_link"),
    path("a/<str:token>", tuning.change_address, name="change_address"),
    path("preferences", tuning.preferences, name="preferences"),
    path("preferences/pause", tuning.pause, name="pause"),
    path("preferences/resume", tuning.resume, name="resume"),
    path("preferences/address", tuning.address, name="address"),
    path("u/<str:token>", leaving.unsubscribe, name="unsubscribe"),
]
