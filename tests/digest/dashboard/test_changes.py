"""The page of merges and claims: what sources said, and what a curator makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from digest.dashboard.auth.roles import Role
from digest.ingest import store
from digest.models import Paper, PaperChange
from tests.support.factories import NOON, entry, feed, source
from tests.support.staff import one_of_the_staff, signed_in

pytestmark = pytest.mark.django_db
HOSTILE = "Watches <script>alert(1)</script>"


@pytest.fixture
def cleo() -> Client:
    return signed_in(one_of_the_staff(Role.CURATOR))


@pytest.fixture(autouse=True)
def claim() -> PaperChange:
    """A blog's claim of a second version of an arXiv paper."""
    store.store(source(), feed(entry(1, title="The grasp of two hands")), now=NOON)
    blog = source("A blog", "https://blog.example.org/feed", kind="journal")
    store.store(blog, feed(entry(1, title=HOSTILE, version=2), kind="journal"), now=NOON)
    return PaperChange.objects.get()


def settled(client: Client, row: PaperChange, act: str) -> int:
    return client.post(reverse("dashboard_change", args=[row.pk]), {"act": act}).status_code


def test_a_claim_is_shown_with_buttons_for_curators_only(cleo: Client, claim: PaperChange) -> None:
    assert "<strong>1</strong> claim to decide" in cleo.get(reverse("dashboard_sources")).content.decode()
    shown = cleo.get(reverse("dashboard_changes")).content.decode()
    assert "The grasp of two hands" in shown
    assert "Watches" in shown
    assert "<script>alert" not in shown
    sam = signed_in(one_of_the_staff(Role.SENDER, name="sam"))
    assert 'name="act"' not in sam.get(reverse("dashboard_changes")).content.decode()
    assert settled(sam, claim, "apply") == 403
    assert cleo.get(reverse("dashboard_change", args=[claim.pk])).status_code == 405


def test_applying_and_undoing_change_the_paper_and_are_in_the_history(cleo: Client, claim: PaperChange) -> None:
    settled(cleo, claim, "apply")
    assert Paper.objects.get().title == claim.said["title"]
    settled(cleo, claim, "undo")
    assert Paper.objects.get().title == "The grasp of two hands"
    assert [line.change_message.partition(".")[0] for line in LogEntry.objects.order_by("pk")] == ["Applied", "Undone"]


def test_a_notice_is_shown_with_its_link(cleo: Client, claim: PaperChange) -> None:
    said = {"version": 1, "notice": f"Retraction: {HOSTILE}", "url": "https://j.example.org/notice?a=1&b=2"}
    PaperChange.objects.filter(pk=claim.pk).update(kind="withdrawal", said=said)
    shown = cleo.get(reverse("dashboard_changes")).content.decode()
    assert '<a href="https://j.example.org/notice?a=1&amp;b=2" rel="noopener noreferrer">Retraction: Watches' in shown
    assert "<script>alert" not in shown


@pytest.mark.parametrize("act", ["undo", "", "erase"])
def test_what_cannot_be_done_is_said_and_changes_nothing(cleo: Client, claim: PaperChange, act: str) -> None:
    answer = cleo.post(reverse("dashboard_change", args=[claim.pk]), {"act": act}, follow=True)
    assert 'class="notice bad"' in answer.content.decode()
    assert PaperChange.objects.get().state == "claimed"
    assert not LogEntry.objects.exists()


def test_a_text_is_taken_anew_at_the_next_reading(cleo: Client) -> None:
    Paper.objects.update(title="Rewritten", version=9)
    cleo.post(reverse("dashboard_take_anew"), {"name": "arXiv:2603.00001"})
    store.store(source(), feed(entry(1, title="The grasp of two hands")), now=NOON)
    assert Paper.objects.get().title == "The grasp of two hands"
    answer = cleo.post(reverse("dashboard_take_anew"), {"name": "\0" * 3000}, follow=True)
    assert "No paper has this" in answer.content.decode()


def test_the_page_takes_as_many_queries_for_many_claims(cleo: Client, django_assert_num_queries: Any) -> None:
    cleo.get(reverse("dashboard_changes"))  # Django learns its content types
    with django_assert_num_queries(6):  # session, user, roles, claims, applied, history
        cleo.get(reverse("dashboard_changes"))
