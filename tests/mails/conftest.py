"""A mail server that keeps what it is sent, and the mails that went to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.support.factories import reader
from tests.support.services import free_port
from tests.support.wire import POSTAL_ADDRESS, Sink, planned, send_links, sent


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    handler, port = Sink(), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND, settings.MAIL_PROVIDER = "subscriptions.mail.backends.smtp.EmailBackend", "smtp"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.DEFAULT_FROM_EMAIL = "Broadsheet <digest@mail.example.org>"
    settings.TRANSACTIONAL_FROM_EMAIL = "Broadsheet <account@notice.example.org>"
    settings.SITE_URL = "https://papers.example.org"
    settings.POSTAL_ADDRESS = POSTAL_ADDRESS
    yield handler
    controller.stop()


@pytest.fixture
def digest(sink: Sink) -> bytes:
    """Ada's digest of a hostile morning."""
    planned(reader("ada", wants={"category": ["cs.LG"]}))
    return sent(sink)[-1]


@pytest.fixture
def nothing(sink: Sink) -> bytes:
    """What Ben is told on that morning, before an editor picks anything: there is nothing for him."""
    planned(reader("ben", wants={"keyword": ["volcanoes"]}, quiet_days=True), note="")
    return sent(sink)[-1]


@pytest.fixture
def link_mails(sink: Sink) -> dict[str, bytes]:
    """One of each kind, to Grace."""
    return send_links(sink, reader("grace"))


@pytest.fixture
def every_mail(nothing: bytes, digest: bytes, link_mails: dict[str, bytes]) -> dict[str, bytes]:
    return {"digest": digest, "nothing": nothing, **link_mails}
