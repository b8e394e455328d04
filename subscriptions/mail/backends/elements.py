"""Make of a mail its element in a request for many: what Anymail makes of it, filled into a template of the day.

Anymail takes as long for a payload and its JSON as a worker takes for all else of a digest. The digests of a day have
the same payload but for a few values, so it is made once, with marks in their place.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any, NamedTuple

from anymail.utils import EmailAddress

from subscriptions.mail.addresses import PLAIN_ADDRESS
from subscriptions.mail.encodings import JSON_STRING
from subscriptions.mail.message import EncodedMessage
from subscriptions.mail.template_cache import CompiledTemplate


class Element(NamedTuple):
    """One message in a request for many: its JSON, and what makes the payload by which Anymail reads the answer.

    ``address`` is the recipient as it is in the JSON, empty where Anymail may have written it in another way.
    """

    json: bytes
    make_payload: Callable[[], Any]
    address: str = ""


class DayTemplate:
    """The digests of a day as one of Anymail's backends writes them, with places for the values of one."""

    def __init__(self, backend: Any, digest: EncodedMessage) -> None:
        token = secrets.token_hex(16)  # is nowhere else in it
        self._payload, octets = _by_anymail(backend, digest.with_marks(lambda name: f"{token}.{name}@example.org"))
        pieces = re.split(rb"%b\.([A-Za-z-]+)@example\.org" % token.encode(), octets)
        self._json = CompiledTemplate(tuple(pieces[::2]), tuple((name.decode(), str.encode) for name in pieces[1::2]))

    def fill(self, address: str, values: dict[str, bytes]) -> Element:
        """Return the element of a digest from its values, which are within strings of JSON."""
        return Element(b"".join(self._json.fill(values)), partial(self._payload_to, address), address)

    def _payload_to(self, address: str) -> Any:
        payload = copy(self._payload)
        payload.init_payload()
        # they are of recipients
        vars(payload).update({name: [] for name, value in vars(payload).items() if isinstance(value, list)})
        payload.set_to([EmailAddress(addr_spec=address)])
        return payload


def element_of(message: EncodedMessage, backend: Any, templates: dict[object, DayTemplate]) -> Element:
    """Return a message's element, and keep the template of its day. Raise what Anymail raises."""
    values = _values_of(message)
    if not values:
        payload, octets = _by_anymail(backend, message)
        return Element(octets, lambda: payload)
    if message.of_day not in templates:
        templates[message.of_day] = DayTemplate(backend, message)
    return templates[message.of_day].fill(message.to[0], values)


def _values_of(message: EncodedMessage) -> dict[str, bytes]:
    """Return the values of a digest within strings of JSON; none where Anymail or JSON may write one in another way."""
    own = message.own()
    # Anymail writes the domains of other addresses in its own way, and the answer has them so
    if not (own and message.in_json and PLAIN_ADDRESS.fullmatch(message.to[0])):
        return {}
    subject, plain = own.pop("Subject"), "".join(own.values())
    if JSON_STRING.encode(plain) != plain.encode():
        return {}
    texts = dict(zip(("text", "html"), message.in_json, strict=True))
    return {name: value.encode() for name, value in own.items()} | {"Subject": JSON_STRING.encode(subject)} | texts


def _by_anymail(backend: Any, message: Any) -> tuple[Any, bytes]:
    payload = backend.build_message_payload(message, backend.send_defaults)
    return payload, payload.serialize_json(payload.data).encode()
