"""Every model is in the plain admin, with lists that open, search and filter, on rows that exist."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.test import Client
from django.utils.timezone import now

from digest.models import CuratorPick, Delivery, DeliveryEvent, Lease, Paper, Verdict
from digest.reader_data.erase import erase
from subscriptions import consent
from subscriptions.models import LinkRequest, LoginToken, RateCounter, Subscriber
from tests.support.factories import reader

pytestmark = pytest.mark.django_db
MODELS = [model for app in ("digest", "subscriptions") for model in apps.get_app_config(app).get_models()]


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
    consent.suppress("gone@example.org", reason="bounced", now=now())


def test_every_model_is_registered() -> None:
    assert [model for model in MODELS if model not in admin.site._registry] == []


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


def test_what_the_product_records_is_looked_at_and_not_changed(a_day: None, admin_client: Client) -> None:
    for name in ("delivery", "edition", "sighting"):
        assert admin_client.get(f"/admin/digest/{name}/add/").status_code == 403
    for name in ("consentevent", "suppression", "logintoken", "linkrequest"):
        assert admin_client.get(f"/admin/subscriptions/{name}/add/").status_code == 403


def test_what_staff_mended_names_nobody_who_was_erased_since(admin_client: Client) -> None:
    ada = reader("ada", wants={"keyword": ["bees"]})
    form = {
        **{"zone": "UTC", "send_hour": 8, "weekdays": 127, "max_papers": 10, "hype": 50, "paused_until": ""},
        **{"preferences-TOTAL_FORMS": 1, "preferences-INITIAL_FORMS": 0, "preferences-0-subscriber": ada.pk},
        **{"preferences-0-kind": "keyword", "preferences-0-value": "wasps", "preferences-0-stance": "want"},
    }
    assert admin_client.post(f"/admin/subscriptions/subscriber/{ada.pk}/change/", form).status_code == 302
    erase(ada, now=now())
    said = str(list(LogEntry.objects.values_list("object_repr", "change_message")))
    assert ada.public_id in said
    assert not re.search("ada@|bees|wasps", said)


def test_nobody_is_deleted_past_consent_and_the_days_numbers(admin_client: Client) -> None:
    ada = reader("ada")
    assert admin_client.post(f"/admin/subscriptions/subscriber/{ada.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Subscriber.objects.exists()


def test_lists_take_a_fixed_number_of_queries(
    a_day: None, admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    for model in MODELS:
        with django_assert_max_num_queries(20):
            admin_client.get(f"/admin/{model._meta.app_label}/{model._meta.model_name}/")
