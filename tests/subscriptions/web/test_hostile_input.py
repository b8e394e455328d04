"""Whatever is sent to whichever page: a clear answer, never a 500, and nothing written that should not be."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.delivery.plan import plan
from digest.delivery.send import deliver_all
from digest.editions.open_edition import open_edition
from digest.ingest import store
from digest.models import Delivery
from subscriptions.models import ConsentEvent, LinkRequest, LoginToken, Preference, RateCounter, Subscriber, Topic
from subscriptions.tokens import FEEDBACK, PREFERENCES, UNSUBSCRIBE, new_login_token, token_for, use_login_token
from subscriptions.web.forms import SignUpForm
from tests.support.factories import entry, feed, reader, topic

pytestmark = pytest.mark.django_db

TRIED: Counter[str] = Counter()
hostile = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
Fields = list[tuple[str, str]]

KNOWN_TO_HURT = [
    *(
        "",
        " ",
        "\x00",
        "a\x00b",
        "\r\nBcc: eve@example.org",
        "a\r\nb",
        "\u202egnp.exe",
        "\u2066x\u2069",
        "\ud800",
        "\udfff!",
    ),
    *("x" * 10_000, "é" * 10_000, "a," * 5_000, "\n" * 10_000, "🧪" * 500, "a\u0301" * 3_000, "\u200b" * 100, "\ufeff"),
    *(
        "<script>alert(1)</script>",
        "{{ 7 * 7 }}",
        "{% raw %}",
        "%s%n",
        "' OR 1=1 --",
        "../../etc/passwd",
        "${x}",
        "\\",
        '"',
    ),
    *("-1", "0", "3", "21", "25.5", "1e309", "NaN", "٣", "9" * 400, "true", "None", "[]", "{}"),
    *("Mars/Phobos", "../UTC", "/etc/localtime", "Europe/Berlin\x00", "UTC\n", "posixrules", "europe/berlin"),
    *(
        "a@b",
        "x@localhost",
        "x@[127.0.0.1]",
        "a" * 288 + "@example.org",
        "a" * 65 + "@example.org",
        "x@" + "a." * 130 + "de",
    ),
    *(
        "ada@exämple.org",
        "ada@例え.テスト",
        "用户@example.org",
        "ada@xn--",
        '"a b"@example.org',
        "a@example.org, b@example.org",
    ),
    *(
        "ada@example.org\nCc: b@example.org",
        "ADA@EXAMPLE.ORG",
        "ada@example.org\x00",
        "@",
        "a@@b.org",
        "ada@example.org ",
    ),
    *("unknown-topic", "2027-02-30", "0000-00-00", "9999-12-31", "more", "less", "undo", "One-Click"),
]
texts = st.one_of(
    st.sampled_from(KNOWN_TO_HURT), st.text(st.characters(), max_size=80), st.text(string.printable, max_size=40)
)
tokens = st.one_of(
    st.text(string.ascii_letters + string.digits + "_-", min_size=16, max_size=60),
    st.sampled_from([one for one in KNOWN_TO_HURT if len(one) < 9_000 and one and "/" not in one]),
)

CHOSEN: dict[str, list[str]] = {  # what a decent form sends
    "topics": ["robotics"],
    "keywords": ["graph coloring"],
    "authors": ["Ada Example"],
    "categories": ["cs.LG"],
    "muted": ["blockchain"],
    "weekdays": ["0", "2", "4"],
    "send_hour": ["7"],
    "zone": ["Europe/Berlin"],
    "max_papers": ["10"],
    "hype": ["50"],
}
SOMETIMES = [
    "rhythm",
    "email",
    "website",
    "opened",
    "short",
    "muted_topics",
    "muted_authors",
    "csrfmiddlewaretoken",
    "_method",
]


@st.composite
def filled_in(draw: st.DrawFn, **decent: str) -> Fields:
    """A form with any of its fields missing, repeated, or filled with anything."""
    fields: Fields = []
    for name, values in {**CHOSEN, **{name: [value] for name, value in decent.items()}}.items():
        match draw(st.sampled_from(["decent", "decent", "decent", "hostile", "missing", "both"])):
            case "decent":
                fields += [(name, value) for value in values]
            case "hostile":
                fields += [(name, draw(texts)) for _ in range(draw(st.integers(1, 3)))]
            case "both":
                fields += [*((name, value) for value in values), (name, draw(texts))]
    for name in draw(st.lists(st.sampled_from(SOMETIMES), max_size=2)):
        fields.append((name, draw(texts)))
    return fields


# What surrounds each try ---------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True, scope="module")
def _say_how_many() -> Iterator[None]:
    yield
    said = ", ".join(f"{count} {what}" for what, count in sorted(TRIED.items()))
    print(f"\n{sum(TRIED.values())} hostile inputs were tried: {said}.")


@pytest.fixture
def ada() -> Subscriber:
    """A reader who has a digest, and topics to choose from."""
    topic("Robotics", categories=["cs.RO"])
    topic("Statistics", categories=["stat.ME"])
    ada = reader("ada", wants={"category": ["cs.LG"]})
    now = datetime.now(UTC)
    shown = feed(*(entry(number, announced_on=now.date()) for number in range(1, 4)))
    store.store(store.source_named_in(shown, "file.xml"), shown, now=now)
    open_edition(now.date(), now=now)
    plan(now, [ada.pk], issue_date=now.date())
    deliver_all(clock=lambda: now)
    return ada


class Try:
    """One try: everything that it wrote can be seen, and is gone after it."""

    def __init__(self, what: str, client: Client) -> None:
        TRIED[what] += 1
        self.client = client

    def __enter__(self) -> Try:
        self._block = transaction.atomic()
        self._block.__enter__()
        self._before = every_table()
        return self

    def __exit__(self, *error: Any) -> None:
        if error[0] is None:
            assert_sound()
        transaction.set_rollback(True)
        self._block.__exit__(None, None, None)

    def post(self, path: str, fields: Fields, **headers: str) -> HttpResponse:
        body = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in fields)
        kind = "application/x-www-form-urlencoded"
        response = self.client.generic("POST", path, body, content_type=kind, headers=headers)
        return self._sound(response)

    def get(self, path: str) -> HttpResponse:
        response = self._sound(self.client.get(path))
        assert self.nothing_written(), f"GET {path[:80]} wrote"
        return response

    def nothing_written(self) -> bool:
        return every_table() == self._before

    @staticmethod
    def _sound(response: HttpResponse) -> HttpResponse:
        assert response.status_code < 500
        if "text/html" in response.get("Content-Type", "") and response.content:
            assert b"<script>alert(1)" not in response.content
            assert b"Traceback" not in response.content
            response.content.decode("utf-8")
        return response


def _quoted(text: str) -> str:
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"), safe="")


def every_table() -> dict[str, list[Any]]:
    """Every row of every table but the counts of visitors' POSTs and the cache, which clears itself."""
    names = set(connection.introspection.table_names()) - {RateCounter._meta.db_table, "cache"}
    with connection.cursor() as cursor:
        rows = {}
        for name in names:
            cursor.execute(f'SELECT * FROM "{name}"')
            rows[name] = sorted(map(repr, cursor.fetchall()))
    return rows


def assert_sound() -> None:
    """What is stored is what a person could have meant: no controls or overrides, no list without end, an hour, a zone."""
    for wish in Preference.objects.all():
        assert_plain(wish.value)
    for row in LinkRequest.objects.all():
        assert row.kind in LinkRequest.Kind.values
        assert_plain(row.email)
        assert_one_line(row.page + row.user_agent)
        assert row.email.isascii()
        assert len(row.email) <= 254
        for kind, value, stance in row.choices.get("wishes", []):
            assert (kind in Preference.Kind.values, stance in Preference.Stance.values) == (True, True)
            assert len(value) <= 200
            assert_plain(value)
            assert kind != "topic" or Topic.objects.filter(slug=value).exists()
        if row.choices:
            assert 4 <= row.choices["send_hour"] <= 20
            assert 3 <= row.choices["max_papers"] <= 25
            assert 0 <= row.choices["hype"] <= 100
            assert 1 <= row.choices["weekdays"] <= 127
            assert len(row.choices["wishes"]) <= 1000
    for event in ConsentEvent.objects.all():
        assert_one_line(event.user_agent or "")


def assert_plain(text: str) -> None:
    """No control characters, invisible marks or lone surrogates; the joiners of Persian and Indic scripts may stay."""
    found = [character for character in text if unicodedata.category(character) in ("Cc", "Cf", "Cs")]
    assert not set(found) - {"\u200c", "\u200d"}, ascii(text[:80])


def assert_one_line(text: str) -> None:
    assert not [character for character in text if unicodedata.category(character) in ("Cc", "Cs")], ascii(text[:80])


def stamp() -> str:
    """The hidden field of a form that was opened a minute ago."""
    return SignUpForm(now=datetime.now(UTC) - timedelta(minutes=1)).opened_stamp()


# The forms ----------------------------------------------------------------------------------------------------------


@hostile
@given(data=st.data())
def test_the_sign_up_takes_anything(client: Client, ada: Subscriber, data: st.DataObject) -> None:
    fields = data.draw(filled_in(email="grace@example.org", opened=stamp()))
    with Try("sign-ups", client) as one:
        response = one.post(reverse("sign_up"), fields)
        assert one.nothing_written() == (response.status_code != 303)
        if response.status_code == 303:
            assert response["Location"].endswith(reverse("sign_up_sent"))


@hostile
@given(data=st.data())
def test_the_preview_takes_anything_and_writes_nothing(client: Client, ada: Subscriber, data: st.DataObject) -> None:
    with Try("previews", client) as one:
        one.post(reverse("preview"), data.draw(filled_in()))
        assert one.nothing_written()


@hostile
@given(email=texts)
def test_the_sign_in_takes_anything(client: Client, ada: Subscriber, email: str) -> None:
    with Try("sign-ins", client) as one:
        response = one.post(reverse("sign_in"), [("email", email)])
        assert one.nothing_written() == (response.status_code != 303)


@hostile
@given(query=texts, other=texts)
def test_the_public_pages_take_any_question(client: Client, ada: Subscriber, query: str, other: str) -> None:
    with Try("searches", client) as one:
        one.get(f"{reverse('search')}?q={_quoted(query)}&page={_quoted(other)}")
        one.get(f"{reverse('home')}?{_quoted(query)}={_quoted(other)}")
        one.get(f"{reverse('sign_up')}?topics={_quoted(query)}&email={_quoted(other)}&short={_quoted(other)}")
    for day in ("0000-00-00", "9999-99-99", "2026-02-30", "0001-01-01"):
        assert client.get(f"/{day}").status_code == 404


# The links of mails --------------------------------------------------------------------------------------------------

TOKEN_PAGES = ["unsubscribe", "ask_for_link", "confirm", "magic_link", "change_address"]
PRESSED: Fields = [("List-Unsubscribe", "One-Click")]


def addresses(token: str) -> list[str]:
    feedback = [reverse("feedback", args=[token, 1, wish]) for wish in ("more", "less", "mute")]
    return [*(reverse(name, args=[token]) for name in TOKEN_PAGES), *feedback]


@hostile
@given(
    token=tokens, fields=st.lists(st.tuples(st.sampled_from(["do", "before", "what", "word", "undo", "token"]), texts))
)
def test_an_invented_token_opens_nothing(client: Client, ada: Subscriber, token: str, fields: Fields) -> None:
    for name, path in [(path, re.sub("x{30}", lambda _: _quoted(token), path)) for path in addresses("x" * 30)]:
        with Try("tokens", client) as one:
            assert one.get(path).status_code in (301, 302, 404), name
            assert one.post(path, [*PRESSED, *fields]).status_code in (400, 403, 404), name
            assert one.nothing_written(), name


def good_tokens(ada: Subscriber) -> dict[str, str]:
    now, grace = datetime.now(UTC), Subscriber.objects.get(status="pending")
    return {
        "unsubscribe": token_for(UNSUBSCRIBE, ada),
        "ask_for_link": token_for(PREFERENCES, ada),
        "feedback": token_for(FEEDBACK, ada, day=Delivery.objects.get().issue_date),
        "confirm": new_login_token(LoginToken.Purpose.CONFIRM, grace, now=now),
        "magic_link": new_login_token(LoginToken.Purpose.SIGN_IN, ada, now=now),
        "change_address": new_login_token(LoginToken.Purpose.CHANGE_ADDRESS, ada, now=now),
    }


@pytest.fixture
def grace(ada: Subscriber) -> Subscriber:
    return reader("grace", status="pending", confirmed_at=None, next_send_at=None)


@hostile
@given(data=st.data())
def test_a_token_with_one_character_changed_opens_nothing(
    client: Client, grace: Subscriber, ada: Subscriber, data: st.DataObject
) -> None:
    with transaction.atomic():
        good = good_tokens(ada)
        name = data.draw(st.sampled_from(sorted(good)))
        token = good[name]
        place = data.draw(st.integers(0, len(token) - 1))
        other = data.draw(st.sampled_from(string.ascii_letters + string.digits + "_-"))
        broken = token[:place] + other + token[place + 1 :]
        if broken != token and not (name not in ("confirm", "magic_link", "change_address") and place == len(token)):
            for path in addresses(broken):
                with Try("tampered tokens", client) as one:
                    assert one.get(path).status_code == 404
                    assert one.post(path, PRESSED).status_code in (400, 404)
                    assert one.nothing_written()
        transaction.set_rollback(True)


def test_a_token_opens_no_page_but_its_own(client: Client, grace: Subscriber, ada: Subscriber) -> None:
    good = good_tokens(ada)
    for name, token in good.items():
        for page in TOKEN_PAGES:
            if page != name:
                with Try("foreign tokens", client) as one:
                    assert one.get(reverse(page, args=[token])).status_code == 404
                    assert one.post(reverse(page, args=[token]), PRESSED).status_code in (400, 404)
                    assert one.nothing_written()
        if name != "feedback":
            with Try("foreign tokens", client) as one:
                assert one.post(reverse("feedback", args=[token, 1, "more"]), []).status_code in (400, 404)
                assert one.nothing_written()


@pytest.mark.parametrize("age", ["used", "expired"])
def test_a_used_or_expired_token_opens_nothing(client: Client, grace: Subscriber, ada: Subscriber, age: str) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=3)
    for name, purpose, whose in [
        ("confirm", LoginToken.Purpose.CONFIRM, grace),
        ("magic_link", LoginToken.Purpose.SIGN_IN, ada),
        ("change_address", LoginToken.Purpose.CHANGE_ADDRESS, ada),
    ]:
        token = new_login_token(purpose, whose, now=long_ago if age == "expired" else datetime.now(UTC))
        if age == "used":
            use_login_token(purpose, token, now=datetime.now(UTC))
        with Try(f"{age} tokens", client) as one:
            assert one.get(reverse(name, args=[token])).status_code in (404, 410)
            assert one.post(reverse(name, args=[token]), []).status_code in (400, 404, 410)
            assert one.nothing_written()


@hostile
@given(
    number=st.integers(0, 999),
    fields=st.lists(st.tuples(st.sampled_from(["do", "before", "what", "word", "undo"]), texts), max_size=4),
)
def test_feedback_takes_anything(client: Client, ada: Subscriber, number: int, fields: Fields) -> None:
    token = token_for(FEEDBACK, ada, day=Delivery.objects.get().issue_date)
    for wish in ("more", "less", "mute"):
        with Try("feedback", client) as one:
            response = one.post(reverse("feedback", args=[token, number, wish]), fields)
            assert one.nothing_written() or (1 <= number <= 3 and response.status_code == 200)
        with Try("feedback", client) as one:
            one.get(reverse("feedback", args=[token, number, wish]))


# A signed-in reader's pages ------------------------------------------------------------------------------------------

OWN = [
    "preferences",
    "pause",
    "resume",
    "address",
    "sign_out",
    "verdicts",
    "own_list",
    "saved",
    "export",
    "erase",
    "receipts",
]


@pytest.fixture
def signed_in(client: Client, ada: Subscriber) -> Client:
    token = new_login_token(LoginToken.Purpose.SIGN_IN, ada, now=datetime.now(UTC))
    assert client.post(reverse("magic_link", args=[token])).status_code in (200, 303)
    assert client.get(reverse("preferences")).status_code == 200
    return client


@pytest.mark.service
@hostile
@given(name=st.sampled_from(OWN), data=st.data())
def test_a_readers_pages_take_anything(signed_in: Client, ada: Subscriber, name: str, data: st.DataObject) -> None:
    fields = data.draw(filled_in(until="2026-12-24", email="new@example.org"))
    fields += data.draw(
        st.lists(st.tuples(st.sampled_from(["weeks", "paper", "value", "do", "sure", "number"]), texts), max_size=3)
    )
    with Try("a reader's forms", signed_in) as one:
        one.post(reverse(name), fields)


def test_a_post_without_its_csrf_token_is_refused(ada: Subscriber, client: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    for name in ["sign_up", "sign_in", "preview", *OWN[:-1]]:
        with Try("posts without CSRF", strict) as one:
            response = one.post(reverse(name), [("email", "eve@example.org")])
            assert response.status_code == 403, name
            assert one.nothing_written()


def test_another_site_cannot_press_the_button_behind_a_link(client: Client, grace: Subscriber, ada: Subscriber) -> None:
    good = good_tokens(ada)
    paths = [reverse(name, args=[token]) for name, token in good.items() if name not in ("feedback", "unsubscribe")]
    for path in [*paths, reverse("feedback", args=[good["feedback"], 1, "more"])]:
        with Try("posts from other sites", client) as one:
            assert one.post(path, [], **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
            assert one.nothing_written()


@hostile
@given(agent=texts, page=texts, forwarded=texts)
def test_headers_may_hold_anything(client: Client, ada: Subscriber, agent: str, page: str, forwarded: str) -> None:
    said = {
        "User-Agent": agent,
        "Referer": page,
        "X-Forwarded-For": forwarded,
        "Accept-Language": page,
        "Sec-Fetch-Site": agent,
    }
    headers = {name: value.encode("utf-8", "surrogatepass").decode("latin-1") for name, value in said.items()}
    good = [(name, value) for name, values in CHOSEN.items() for value in values]
    with Try("headers", client) as one:
        one.post(reverse("sign_up"), [*good, ("email", "grace@example.org"), ("opened", stamp())], **headers)
    with Try("headers", client) as one:
        one.post(reverse("unsubscribe", args=[token_for(UNSUBSCRIBE, ada)]), PRESSED, **headers)
