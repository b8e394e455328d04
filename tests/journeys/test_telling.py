"""A provider tells the running service what became of a mail: stored and answered at once, settled by a woken worker."""

from __future__ import annotations

import http.client

from tests.support.running_service import wait_for, web_alone, worker_alone
from tests.support.services import Installation, free_port
from tests.support.start import POSTMARK
from tests.support.webhook_payloads import KINDS, SECRET, Mail, Post, post_of

SET_UP = "import django; django.setup()\n"
NAMES = ("ada", "ben", "cleo", "dora", "emil")
READERS = f"""
from tests.support.factories import delivery, reader
for name in {NAMES}:
    row = delivery(reader(name), status="unknown", accepted_at=None)
    print(row.message_id.strip("<>").partition("@")[0])
"""
STATE = """
from digest.models import Delivery
from subscriptions.models import Subscriber, Suppression
print(*Delivery.objects.order_by("pk").values_list("status", flat=True))
print(*Subscriber.objects.order_by("pk").values_list("status", flat=True), Suppression.objects.count(), "suppressed")
"""
SETTLED = [
    "delivered bounced bounced complained unknown",
    "active active active unsubscribed unsubscribed 2 suppressed",
]


def test_what_a_provider_tells_is_settled_without_a_timetable(installation: Installation) -> None:
    installation = Installation(installation.var, installation.environment | POSTMARK | {"WEBHOOK_SECRET": SECRET})
    installation.prepare()
    references = installation.run("-c", SET_UP + READERS).split()
    with web_alone(installation, port=free_port()) as web, worker_alone(installation) as worker:
        for kind, name, reference in zip(KINDS, NAMES, references, strict=True):
            post = post_of("postmark", kind, Mail(reference=reference, recipient=f"{name}@example.org"))
            assert status_of(post, web.port) == 200
        wait_for(lambda: installation.run("-c", SET_UP + STATE).splitlines() == SETTLED, worker)

        large = Mail(reference=references[0], recipient="a" * (1 << 20))  # which is in the body twice
        assert status_of(post_of("postmark", "complained", large), web.port) == 413
        of_a_stranger = post_of("postmark", "complained", Mail(reference=references[0]), secret="me:not-the-right-one")
        assert status_of(of_a_stranger, web.port) == 400
    said = web.log.read_text() + worker.log.read_text()
    assert "Requests were refused that do not prove that they come from postmark" in said
    assert "@" not in said
    assert SECRET.partition(":")[2] not in said
    assert installation.run("-c", SET_UP + STATE).splitlines() == SETTLED


def status_of(post: Post, port: int) -> int:
    visit = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {**post.headers, "Content-Type": "application/json", "Host": "digest.example.org"}
    visit.request("POST", f"/webhooks/{post.provider}", body=post.content, headers=headers)
    return visit.getresponse().status
