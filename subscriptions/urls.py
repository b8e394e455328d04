from django.urls import path

from subscriptions.web import fresh_link, preferences, sign_in, sign_up, unsubscribe

urlpatterns = [
    path("subscribe", sign_up.sign_up, name="sign_up"),
    path("subscribe/sent", sign_up.sign_up_sent, name="sign_up_sent"),
    path("c/<str:token>", sign_up.confirm, name="confirm"),
    path("sign-in", sign_in.sign_in, name="sign_in"),
    path("sign-in/sent", sign_in.sign_in_sent, name="sign_in_sent"),
    path("sign-in/again", fresh_link.mail_fresh_link, name="fresh_link"),
    path("sign-out", sign_in.sign_out, name="sign_out"),
    path("p/<str:token>", sign_in.ask_for_link, name="ask_for_link"),
    path("s/<str:token>", sign_in.magic_link, name="magic_link"),
    path("a/<str:token>", preferences.change_address, name="change_address"),
    path("preferences", preferences.preferences, name="preferences"),
    path("preferences/pause", preferences.pause, name="pause"),
    path("preferences/resume", preferences.resume, name="resume"),
    path("preferences/address", preferences.address, name="address"),
    path("u/<str:token>", unsubscribe.unsubscribe, name="unsubscribe"),
]
