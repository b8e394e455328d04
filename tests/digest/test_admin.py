"""Each table of the admin opens, searches and filters, on rows that exist, with a fixed number of queries."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils.timezone import now

import digest.config.urls  # noqa: F401 (it removes the tables that are not ours)
from digest.dashboard import audit_log
from digest.models import CuratorPick, Delivery, DeliveryEvent, Lease, Paper, Verdict
from subscriptions import consent
from subscriptions.models import LinkRequest, LoginToken, RateCounter, Subscriber

pytestmark = pytest.mark.django_db
MODELS = list(admin.site._registry)


@pytest.fixture
def a_day(settings: Any, tmp_path: Any) -> None:
    """A whole sample day, and a row of what it does not make."""
    settings.OUTBOX, settings.MODE = tmp_path, "sample"
    call_command("digest", "--date", "2026-03-02")
    reader, paper = Subscriber.objects.all()[0], Paper.objects.all()[0]
    CuratorPick.objects.create(paper=paper, edition_date="2026-03-03", verdict="boost")
    DeliveryEvent.objects.create(dedupe_key="1", delivery=Delivery.objects.all()[0], kind="delivered", at=now())
    Verdict.objects.create(subscriber=reader, paper=paper, value="more", given_at=now())
    Lease.objects.create(name="tick", until=now())
    LoginToken.objects.create(token_hash="h" * 64, purpose="confirm", subscriber=reader, expires_at=now())
    RateCounter.objects.create(name="erase|0", until=now())
    LinkRequest.objects.create(kind="sign_in", email="ada@example.org", asked_at=now())
    audit_log.record(User.objects.create_user("cleo"), paper, "Looked at")
    consent.suppress("gone@example.org", reason="bounced", now=now())


@pytest.mark.slow
def test_every_list_opens_searches_and_filters(a_day: None, admin_client: Client) -> None:
    for model in MODELS:
        assert model._default_manager.exists(), model
        registered = admin.site._registry[model]
        path = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        assert admin_client.get(path).status_code == 200, path
        assert admin_client.get(path, {"q": "graph"}).status_code == 200, path
        for name in registered.list_filter:
            assert admin_client.get(path, {f"{name}__isnull": "False"}).status_code == 200, (path, name)
        row = model._default_manager.all()[0]
        assert admin_client.get(f"{path}{row.pk}/change/").status_code == 200, path


def test_lists_take_a_fixed_number_of_queries(
    a_day: None, admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    for model in MODELS:
        with django_assert_max_num_queries(20):
            admin_client.get(f"/admin/{model._meta.app_label}/{model._meta.model_name}/")
