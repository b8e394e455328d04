"""The elements of a request for many, which are filled into a template of their day, are what Anymail makes of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import requests
from anymail.exceptions import AnymailInvalidAddress
from django.core.mail import get_connection
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from subscriptions.mail.backends.elements import Element, _by_anymail, element_of
from subscriptions.mail.encodings import JSON_STRING
from subscriptions.mail.mailer import message_to
from subscriptions.mail.message import EncodedMessage
from subscriptions.mail.rendering import RenderedEmail
from subscriptions.mail.template_cache import JoinedEmail
from subscriptions.models import Subscriber
from tests.support.factories import NOON

TEXT = 'Text: "é" \\ 🦦\n'
HTML = '<p class="x">\u2028 Text </p>\n'


@pytest.fixture(params=["postmark", "resend"])
def backend(request: pytest.FixtureRequest, settings: Any) -> Any:
    settings.MAIL_PROVIDER, settings.POSTMARK_DIGEST_STREAM = request.param, "digests"
    settings.ANYMAIL = {"POSTMARK_SERVER_TOKEN": "token", "RESEND_API_KEY": "key"}
    settings.EMAIL_BACKEND = f"subscriptions.mail.backends.{request.param}.EmailBackend"
    return get_connection()


@pytest.fixture
def by_anymail(backend: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the messages of which Anymail made a payload."""
    made: list[Any] = []
    build: Callable[..., Any] = backend.build_message_payload
    monkeypatch.setattr(backend, "build_message_payload", lambda *given: made.append(given[0]) or build(*given))
    return made


def email(subject: str = "2 Mar, 3 papers", text: str = TEXT, html: str = HTML) -> JoinedEmail:
    return JoinedEmail(subject, [JSON_STRING.encode(text)], [JSON_STRING.encode(html)], JSON_STRING)


DIGEST, DAY = email(), NOON.date()


def digest(
    address: str = "ada@example.org",
    email: RenderedEmail | JoinedEmail = DIGEST,
    *,
    day: date | None = DAY,
    at: datetime = NOON,
    **more: Any,
) -> EncodedMessage:
    reader = Subscriber(public_id=f"{address.encode().hex():0<22}"[:22], email=address)
    return message_to(reader, email, message_id=f"<d.{address.encode().hex()}@x>", dated_at=at, issue_date=day, **more)


SUBJECTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=80)


@given(st.lists(SUBJECTS, min_size=1, max_size=3), st.text(st.characters(exclude_categories=["Cs"])))
@example(['"', "\\", "%s %(x)s"], "\ud7ff\U0001f9a6\0")
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_an_element_is_the_json_that_anymail_makes(backend: Any, subjects: list[str], text: str) -> None:
    templates: dict[object, Any] = {}
    for number, subject in enumerate(subjects):
        message = digest(f"reader{number}@example.org", email(subject, text, f"<p>{text}"))
        assert element_of(message, backend, templates).json == _by_anymail(backend, message)[1]
    assert len(templates) == 1


@pytest.mark.parametrize(
    "address",
    "ada@example.org o'neill+x=y@mail.example.org ADA@Example.ORG {a}|~@example.org a.b-c_d@xn--bcher-kva.example "
    "ada@bücher.example ada@straße.example ada@βόλος.example a@b x@[127.0.0.1]".split(),
)
def test_each_address_is_written_as_anymail_writes_it(backend: Any, address: str) -> None:
    message = digest(address)
    assert element_of(message, backend, {}).json == _by_anymail(backend, message)[1]


def test_an_address_that_anymail_refuses_is_refused(backend: Any) -> None:
    with pytest.raises(AnymailInvalidAddress):
        element_of(digest("ada@☕.example"), backend, {})


def test_anymail_makes_one_payload_of_a_day(backend: Any, by_anymail: list[Any]) -> None:
    templates: dict[object, Any] = {}
    for number in range(5):
        element_of(digest(f"reader{number}@example.org", at=NOON + timedelta(minutes=number)), backend, templates)
    assert len(by_anymail) == 1
    element_of(digest(day=DAY + timedelta(days=1)), backend, templates)
    assert len(by_anymail) == 2


def test_the_marks_of_a_template_leave_nothing_of_the_first_reader(backend: Any) -> None:
    templates: dict[object, Any] = {}
    element_of(digest("adelheid@example.org", email("Adelheid", "Adelheid", "Adelheid")), backend, templates)
    octets = element_of(digest("ben@example.org"), backend, templates).json
    first = "adelheid@example.org"
    assert b"delheid" not in octets
    assert first.encode().hex()[:22].encode() not in octets


ANNOUNCEMENT = {"day": None, "announcement": 3}


@pytest.mark.parametrize(
    ("values", "given"),
    [
        ({"email": RenderedEmail("A subject", TEXT, HTML)}, {}),
        ({}, ANNOUNCEMENT),
        ({}, {"day": None}),
        ({"address": '"a b"@example.org'}, {}),
    ],
    ids=["rendered-in-full", "announcement", "link", "quoted-address"],
)
def test_what_is_no_ordinary_digest_is_left_to_anymail(
    backend: Any, by_anymail: list[Any], values: dict[str, Any], given: dict[str, Any]
) -> None:
    templates: dict[object, Any] = {}
    for _ in range(2):
        message = digest(**values, **given)
        assert element_of(message, backend, templates).json == _by_anymail(backend, message)[1]
    assert not templates
    assert len(by_anymail) == 4


@pytest.mark.parametrize("to", ["ada@example.org", "Ada <ADA@example.org>", "ben@example.org", None])
@pytest.mark.parametrize("code", [0, 300, 406, 10])
def test_an_answer_is_read_alike_by_either_payload(backend: Any, to: str | None, code: int) -> None:
    words = {
        300: "Invalid 'To' address: 'ada@example.org'.",
        406: "Found inactive addresses: ada@example.org. Inactive",
    }
    said = {"ErrorCode": code, "Message": words.get(code, "OK"), "MessageID": "m", "id": "m"} | (
        {"To": to} if to else {}
    )
    response = requests.Response()
    response.status_code, response._content = 200, json.dumps(said).encode()

    def read(element: Element) -> Any:
        try:
            return backend.parse_recipient_status(response, element.make_payload(), message)
        except Exception as error:
            return type(error)

    message = digest()
    templates: dict[object, Any] = {}
    element_of(digest("someone@example.org"), backend, templates)
    found = read(element_of(message, backend, templates))
    payload, octets = _by_anymail(backend, message)
    assert repr(found) == repr(read(Element(octets, lambda: payload)))


def test_elements_of_one_template_have_their_own_recipients(backend: Any) -> None:
    templates: dict[object, Any] = {}
    payloads = [
        element_of(digest(f"{name}@example.org"), backend, templates).make_payload() for name in ("ada", "ben", "cleo")
    ]
    lists = [
        [one.addr_spec for one in (payload.to_emails if hasattr(payload, "to_emails") else payload.recipients)]
        for payload in payloads
    ]
    assert lists == [["ada@example.org"], ["ben@example.org"], ["cleo@example.org"]]
