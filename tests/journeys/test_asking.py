"""Who asks for a mail with a link is answered by the running service at once, not with the next minute's tick."""

from __future__ import annotations

from email import message_from_bytes, policy

from tests.support.running_service import served, wait_for
from tests.support.services import Installation

SIGN_UP = """
import django; django.setup()
from datetime import UTC, datetime
from digest.config import wsgi  # as the web process does
from subscriptions import link_requests
from subscriptions.preferences import Choices
from subscriptions.models import LinkRequest
link_requests.enqueue(
    LinkRequest.Kind.SIGN_UP, email="ada@example.org", now=datetime.now(UTC), page="/subscribe", ip=None, user_agent="",
    choices=Choices(),
)
"""
TICKED = """
import django; django.setup()
from digest.models import Lease
print(Lease.objects.filter(name="tick").exists())
"""


def test_a_newcomer_is_mailed_their_link_without_waiting_for_the_tick(installation: Installation) -> None:
    patient = Installation(installation.var, {**installation.environment, "TICK_SECONDS": "60"})
    with served(patient) as service:
        wait_for(lambda: service.log.read_text().count("worker ready") >= 1, service)
        if installation.environment["REDIS_URL"]:
            wait_for(lambda: "mail   ready" in service.log.read_text(), service)
        patient.run("-c", SIGN_UP)
        wait_for(patient.mails, service)
        assert patient.run("-c", TICKED).strip() == "False"
    message = message_from_bytes(patient.mails()[0].read_bytes(), policy=policy.default)
    assert (message["To"], message["Subject"]) == ("ada@example.org", "Confirm your subscription")
    assert "ada@" not in service.log.read_text()
