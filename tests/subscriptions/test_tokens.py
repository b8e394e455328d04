from __future__ import annotations

import base64
import hmac
from datetime import date

import pytest
from django.urls import reverse

from subscriptions.models import Subscriber
from subscriptions.tokens import (
    BEFORE_TOKEN,
    FEEDBACK,
    UNSUBSCRIBE,
    BadLink,
    message_id,
    read_day_token,
    read_token,
    token_for,
    unsubscribe_url,
)

ADA = Subscriber(public_id="A" * 22, email="ada@example.org")


def test_a_token_is_read_back_for_its_own_purpose_only() -> None:
    token = token_for(UNSUBSCRIBE, ADA)
    assert read_token(UNSUBSCRIBE, token) == ADA.public_id
    with pytest.raises(BadLink):
        read_token("preferences", token)


@pytest.mark.parametrize(
    "spoil", [lambda t: t[:-1] + ("A" if t[-1] != "A" else "B"), lambda t: "B" + t[1:], lambda t: ""]
)
def test_a_changed_token_is_a_bad_link(spoil) -> None:
    with pytest.raises(BadLink):
        read_token(UNSUBSCRIBE, spoil(token_for(UNSUBSCRIBE, ADA)))


@pytest.mark.parametrize("day", [date(1436, 6, 17), date(2026, 3, 2), date(2154, 2, 28)])
def test_a_day_is_read_back(day: date) -> None:
    token = token_for(FEEDBACK, ADA, day=day)
    assert len(token) == 41
    assert read_day_token(FEEDBACK, token) == (ADA.public_id, day)
    assert read_token(FEEDBACK, token) == ADA.public_id


def test_links_of_older_mails_with_a_longer_day_still_work(settings) -> None:
    about = f"{ADA.public_id}{date(2026, 3, 2).toordinal():05x}"
    seal = hmac.digest(settings.SECRET_KEY.encode(), f"broadsheet.link|feedback|{about}".encode(), "sha256")
    token = about + base64.urlsafe_b64encode(seal).decode()[:16]
    assert read_day_token(FEEDBACK, token) == (ADA.public_id, date(2026, 3, 2))


def test_links_outlive_a_change_of_key_while_the_old_one_is_kept(settings) -> None:
    token, old = token_for(UNSUBSCRIBE, ADA), settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 50, [old]
    assert read_token(UNSUBSCRIBE, token) == ADA.public_id
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(BadLink):
        read_token(UNSUBSCRIBE, token)


def test_the_unsubscribe_link_fits_a_header_line(settings) -> None:
    settings.SITE_URL = "https://" + "d" * 21
    assert len(unsubscribe_url(ADA)) <= 70


def test_a_message_id_is_the_same_for_each_try_and_fits_one_line(settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "Broadsheet <digest@mail.example.org>"
    assert message_id("digest", "1") == message_id("digest", "1") != message_id("digest", "2")
    assert message_id("digest", "1").endswith("@mail.example.org>")
    assert len("Message-ID: " + message_id("digest", "1")) <= 76


@pytest.mark.parametrize("page", BEFORE_TOKEN)
def test_links_are_written_as_the_url_configuration_reads_them(page: str) -> None:
    more = {"number": 1, "wish": "more"} if page == "feedback" else {}
    assert reverse(page, kwargs={"token": "TOKEN", **more}).partition("TOKEN")[0] == BEFORE_TOKEN[page]
