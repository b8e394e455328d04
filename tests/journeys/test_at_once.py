"""What many do in one moment: sign up twice, press one link twice, ask for fifty mails to one inbox."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.http_client import Answer, Asker, at_once, hidden_fields
from tests.support.services import postgres_and_redis
from tests.support.visitor import Site, link, site_at

MANY = 8


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL and Redis"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    var = tmp_path_factory.mktemp("at-once")
    if request.param == "SQLite":
        with site_at(var) as site:
            yield site
        return
    with postgres_and_redis(request.getfixturevalue("postgres_url")) as settings, site_at(var, **settings) as site:
        yield site


def sign_ups(site: Site, *addresses: str) -> list[Answer]:
    """Each from a visitor of its own who has had the form for some time; all sent in one moment."""
    askers = [Asker(site.url) for _ in addresses]
    forms = [hidden_fields(asker.get("/subscribe").text) for asker in askers]
    time.sleep(2.1)  # nobody is faster than that
    jobs = [
        lambda asker=asker, form=form, address=address: asker.post(
            "/subscribe", [*{**form, "short": "1", "zone": "Europe/Berlin", "website": "", "email": address}.items()]
        )
        for asker, form, address in zip(askers, forms, addresses, strict=True)
    ]
    answers = at_once(jobs)
    for asker in askers:
        asker.close()
    return answers


def counted(site: Site, what: str) -> int:
    script = f"from subscriptions.models import *\nfrom digest.models import *\nprint({what})"
    return int(site.run(script))


def quiet(site: Site) -> None:
    """Until every request for a mail is answered."""
    while counted(site, "LinkRequest.objects.count()"):
        time.sleep(0.2)


def test_sign_ups_of_one_address_at_once_make_one_reader_and_one_mail(site: Site) -> None:
    spellings = ["Twice@readers.example", "twice@READERS.example", "twice@readers.example", "TWICE@readers.example"]
    answers = sign_ups(site, *spellings)
    assert {answer.status for answer in answers} == {303}
    quiet(site)
    assert counted(site, "Subscriber.objects.filter(email_key='twice@readers.example').count()") == 1
    assert len([mail for one in {*spellings} for mail in site.mails_to(one)]) == 1


def test_a_confirmation_pressed_at_once_confirms_once_and_brings_one_digest(site: Site) -> None:
    address = "press@readers.example"
    sign_ups(site, address)
    path = link(site.next_mail(address), "/c/")
    answers = at_once([lambda: Asker(site.url).post(path)] * MANY)
    assert Counter(answer.status for answer in answers) == {200: 1, 410: MANY - 1}
    site.next_mail(address, after=1)
    mine = "public_id=Subscriber.objects.get(email_key='press@readers.example').public_id"
    assert counted(site, f"ConsentEvent.objects.filter(kind='confirmed', {mine}).count()") == 1
    time.sleep(2.5)  # two ticks more
    assert len(site.mails_to(address)) == 2  # the confirmation and one digest


def test_a_magic_link_used_at_once_opens_one_visit(site: Site) -> None:
    address = "magic@readers.example"
    sign_ups(site, address)
    Asker(site.url).post(link(site.next_mail(address), "/c/"))
    token = site.run(f"""
from datetime import UTC, datetime
from subscriptions.tokens import new_login_token
from subscriptions.models import LoginToken, Subscriber
reader = Subscriber.objects.get(email="{address}")
print(new_login_token(LoginToken.Purpose.SIGN_IN, reader, now=datetime.now(UTC)))
""").strip()
    before = counted(
        site, "__import__('django.contrib.sessions.models').contrib.sessions.models.Session.objects.count()"
    )
    askers = [Asker(site.url) for _ in range(MANY)]
    answers = at_once([lambda asker=asker: asker.post(f"/s/{token}") for asker in askers])
    assert Counter(answer.status for answer in answers) == {303: 1, 410: MANY - 1}
    assert sum("visit" in asker.cookies for asker in askers) == 1
    after = counted(
        site, "__import__('django.contrib.sessions.models').contrib.sessions.models.Session.objects.count()"
    )
    assert after - before == 1


def test_fifty_requests_for_a_mail_to_one_address_give_one_mail(site: Site) -> None:
    address = "fifty@readers.example"
    answers = sign_ups(site, *[address] * 50)
    assert Counter(answer.status for answer in answers) == {303: 50}  # nobody is refused for what others ask
    quiet(site)
    assert len(site.mails_to(address)) == 1
    more = [Asker(site.url) for _ in range(10)]
    forms = [hidden_fields(asker.get("/sign-in").text) for asker in more]
    at_once(
        [
            lambda asker=asker, form=form: asker.post("/sign-in", [*form.items(), ("email", address)])
            for asker, form in zip(more, forms, strict=True)
        ]
    )
    quiet(site)
    assert len(site.mails_to(address)) == 1  # within the quarter of an hour, whatever was asked for


def test_nothing_of_all_this_is_in_the_log(site: Site) -> None:
    said = site.service.log.read_text()
    assert "readers.example" not in said
    assert "Traceback" not in said
