"""Every model is in the plain admin, with lists that open, search and filter, on rows that exist."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.management import call_command
from django.test import Client
from django.utils.timezone import now

from digest.models import CuratorPick, Delivery, DeliveryEvent, Lease, Paper, Verdict
from subscriptions import consent
from subscriptions.models import CacheRow, LoginToken, MailRequest, Subscriber

pytestmark = pytest.mark.django_db
MODELS = [
    model
    for app in ("digest", "subscriptions")
    for model in apps.get_app_config(app).get_models()
    if model is not CacheRow  # counts that nobody looks at
]


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
    MailRequest.objects.create(kind="sign_in", email="ada@example.org", asked_at=now())
    consent.suppress("gone@example.org", reason="bounced", now=now())


def test_every_model_is_registered() -> None:
    assert [model for model in MODELS if model not in admin.site._registry] == []


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


def test_what_the_product_records_is_looked_at_and_not_changed(a_day: None, admin_client: Client) -> None:
    for name in ("delivery", "edition", "sighting"):
        assert admin_client.get(f"/admin/digest/{name}/add/").status_code == 403
    for name in ("consentevent", "suppression", "logintoken", "mailrequest"):
        assert admin_client.get(f"/admin/subscriptions/{name}/add/").status_code == 403


def test_lists_take_a_fixed_number_of_queries(
    a_day: None, admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    for model in MODELS:
        with django_assert_max_num_queries(20):
            admin_client.get(f"/admin/{model._meta.app_label}/{model._meta.model_name}/")
