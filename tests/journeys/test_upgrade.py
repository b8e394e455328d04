"""An upgrade while messages of the version before wait in the queue."""

from __future__ import annotations

from tests.support.processes import SET_UP
from tests.support.running_service import wait_for, worker_alone
from tests.support.services import A_READER, AN_EDITION, Installation

OLD_MESSAGES = f"""{SET_UP}
from digest.config.celery import app
for name, queue in [("digest.tasks.settle_events", "ticks"), ("subscriptions.tasks.answer", "mail")]:
    app.send_task(name, queue=queue)
app.send_task("digest.tasks.tick", queue="ticks")
"""
STATUSES = f"{SET_UP}from digest.models import Delivery; print(*Delivery.objects.values_list('status', flat=True))"


def test_a_message_of_the_version_before_is_ignored_with_one_line_and_the_worker_goes_on(
    installation: Installation,
) -> None:
    installation.prepare()
    installation.run("-c", AN_EDITION + A_READER)
    with worker_alone(installation) as worker:
        installation.run("-c", OLD_MESSAGES)
        wait_for(lambda: installation.run("-c", STATUSES).strip() == "accepted", worker)
        wait_for(lambda: worker.log.read_text().count(": this version has no such task.") == 2, worker)
    said = worker.log.read_text()
    assert "Ignored a message for the task digest.tasks.settle_events" in said
    assert "Ignored a message for the task subscriptions.tasks.answer" in said
    assert "Traceback" not in said
