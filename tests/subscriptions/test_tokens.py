from __future__ import annotations

import pytest

from subscriptions.models import Subscriber
from subscriptions.tokens import UNSUBSCRIBE, BadLink, message_id, read_token, token_for, unsubscribe_url

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
