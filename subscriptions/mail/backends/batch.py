"""Hand over many mails in one request, each with a body of its own, and read the answer to each.

Anymail posts one message a request. Here the payload that it makes of each message is an element of one list, and each
element of the answer is read by Anymail as if it were the answer to that message alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import requests
from anymail.exceptions import AnymailError, AnymailRequestsAPIError
from anymail.message import AnymailStatus

# The request was refused as a whole and nothing of it was taken; each mail alone may be.
ONE_BY_ONE = (400, 413, 422)


class BatchBackend:
    """A mixin for Anymail's backends of providers that take a list of messages."""

    endpoint: str  # that takes a list

    def answers_to(self, payloads: Sequence[Any], answer: Any) -> list[Any]:
        """Return the part of the answer that each message got, None where that cannot be told."""
        raise NotImplementedError

    def status_of(self, answer: Any) -> int:
        """Return the HTTP status that this part of the answer would have as the answer to one message."""
        return 200

    def send_together(self: Any, messages: Sequence[Any]) -> list[Exception | None]:
        """Send these messages in one request; return for each what one request for it would have raised, or None.

        Where the request is refused as a whole, the messages are sent one by one.
        """
        found: dict[int, Exception | None] = {}
        payloads: dict[int, Any] = {}
        for number, message in enumerate(messages):
            try:
                payloads[number] = self.build_message_payload(message, self.send_defaults)
            except AnymailError as error:  # it cannot be encoded; the others can
                found[number] = error
        if payloads:
            found |= self._post([messages[number] for number in payloads], payloads)
        return [found[number] for number in range(len(messages))]

    def _post(self: Any, messages: Sequence[Any], payloads: dict[int, Any]) -> dict[int, Exception | None]:
        try:
            response = self.post_to_esp(ListPayload(self, messages, list(payloads.values())), messages[0])
            if not 200 <= response.status_code < 300:  # Postmark's backend leaves 422 to what reads the answer
                raise AnymailRequestsAPIError(email_message=messages[0], response=response, backend=self)
        except AnymailRequestsAPIError as error:
            if error.status_code in ONE_BY_ONE and len(messages) > 1:
                return dict(zip(payloads, map(self._alone, messages), strict=True))
            return dict.fromkeys(payloads, error)
        try:
            answers = self.answers_to(list(payloads.values()), response.json())
        except Exception:  # it is no answer
            answers = [None] * len(messages)
        read = map(self._read, messages, payloads.values(), answers)
        return dict(zip(payloads, read, strict=True))

    def _alone(self: Any, message: Any) -> Exception | None:
        try:
            self.send_messages([message])
        except Exception as error:
            return error
        return None

    def _read(self: Any, message: Any, payload: Any, answer: Any) -> Exception | None:
        """Read the answer to one message as Anymail does; return what it raises."""
        response = requests.Response()
        response.status_code, response._content = self.status_of(answer), json.dumps(answer).encode()
        message.anymail_status = AnymailStatus()
        try:
            if answer is None:
                raise AnymailRequestsAPIError("no answer to this mail", response=response, backend=self)
            statuses = self.parse_recipient_status(response, payload, message)
            message.anymail_status.set_recipient_status(statuses)
            self.raise_for_recipient_status(message.anymail_status, response, payload, message)
        except Exception as error:
            return error
        return None


class ListPayload:
    """The request for several messages, in the form in which Anymail's backends post one."""

    def __init__(self, backend: Any, messages: Sequence[Any], payloads: Sequence[Any]) -> None:
        self._backend, self._messages, self._payloads = backend, messages, payloads

    def get_request_params(self, api_url: str) -> dict[str, Any]:
        params: dict[str, Any] = self._payloads[0].get_request_params(api_url)
        body = self._payloads[0].serialize_json([payload.data for payload in self._payloads])
        return params | {
            "url": api_url + self._backend.endpoint,
            "data": body,
            "headers": self.headers(params["headers"]),
        }

    def headers(self, of_one: dict[str, str]) -> dict[str, str]:
        return self._backend.headers_of_list(of_one, self._messages)
