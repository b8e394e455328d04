"""Hand over many mails in one request, each with a body of its own, and read the answer to each.

Anymail posts one message a request. Here what it makes of each message is an element of one list, and each element of
the answer is read as if it were the answer to that message alone: by Anymail, unless it says that the mail was taken
and no more.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import requests
from anymail.backends.base_requests import AnymailRequestsBackend
from anymail.exceptions import AnymailError, AnymailRequestsAPIError, AnymailSerializationError
from anymail.message import AnymailRecipientStatus, AnymailStatus

from subscriptions.mail.backends.elements import DayTemplate, Element, element_of

# The request was refused as a whole and nothing of it was taken; each mail alone may be.
ONE_BY_ONE = (400, 413, 422)


class BatchBackend(AnymailRequestsBackend):
    """A mixin for Anymail's backends of providers that take a list of messages."""

    endpoint: str  # that takes a list

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.templates: dict[object, DayTemplate] = {}

    def create_session(self) -> requests.Session:
        """Read proxies and certificates from the environment once; requests reads all of it for each request."""
        session: requests.Session = super().create_session()
        found = session.merge_environment_settings(self.api_url, {}, None, None, None)
        session.proxies, session.verify, session.trust_env = found["proxies"], found["verify"], False
        return session

    def answers_to(self, elements: Sequence[Element], answer: Any) -> list[Any]:
        """Return the part of the answer that each message got, None where that cannot be told."""
        raise NotImplementedError

    def number_in(self, answer: Any, address: str) -> str:
        """Return the provider's number of a mail to this address, if the answer says that it was taken and no more."""
        return ""

    def status_of(self, answer: Any) -> int:
        """Return the HTTP status that this part of the answer would have as the answer to one message."""
        return 200

    def prepare(self, message: Any) -> None:
        """Keep with a message what it becomes in a request for many: an Element, or the error of one that cannot be."""
        try:
            message.prepared = element_of(message, self, self.templates)
        except AnymailError as error:  # it cannot be encoded; the others can
            message.prepared = error
        except Exception as error:  # nor can this one; Anymail raises other errors too
            message.prepared = AnymailSerializationError(orig_err=error, email_message=message, backend=self)

    def send_together(self, messages: Sequence[Any]) -> list[Exception | None]:
        """Send these messages in one request; return for each what one request for it would have raised, or None.

        Where the request is refused as a whole, the messages are sent one by one.
        """
        for message in messages:
            if message.prepared is None:
                self.prepare(message)
        going = [message for message in messages if isinstance(message.prepared, Element)]
        answered = iter(self._post(going)) if going else iter(())
        return [next(answered) if isinstance(one.prepared, Element) else one.prepared for one in messages]

    def _post(self, messages: Sequence[Any]) -> Sequence[Exception | None]:
        try:
            response = self.post_to_esp(ListPayload(self, messages), messages[0])
            if not 200 <= response.status_code < 300:  # Postmark's backend leaves 422 to what reads the answer
                raise AnymailRequestsAPIError(email_message=messages[0], response=response, backend=self)
        except AnymailRequestsAPIError as error:
            if error.status_code in ONE_BY_ONE and len(messages) > 1:
                return list(map(self._alone, messages))
            return [error] * len(messages)
        try:
            answers = self.answers_to([message.prepared for message in messages], response.json())
        except Exception:  # it is no answer
            answers = [None] * len(messages)
        return list(map(self._read, messages, answers))

    def _alone(self, message: Any) -> Exception | None:
        try:
            self.send_messages([message])
        except Exception as error:
            return error
        return None

    def _read(self, message: Any, answer: Any) -> Exception | None:
        """Read the answer to one message as Anymail does; return what it would raise."""
        element: Element = message.prepared
        message.anymail_status = AnymailStatus()
        # nearly all say this, and Anymail takes longer to read it than a worker to write it down
        if element.address and (number := self.number_in(answer, element.address)):
            message.anymail_status.set_recipient_status({element.address: AnymailRecipientStatus(number, "sent")})
            return None
        response = requests.Response()
        response.status_code, response._content = self.status_of(answer), json.dumps(answer).encode()
        try:
            if answer is None:
                raise AnymailRequestsAPIError("no answer to this mail", response=response, backend=self)
            payload = element.make_payload()
            statuses = self.parse_recipient_status(response, payload, message)
            message.anymail_status.set_recipient_status(statuses)
            self.raise_for_recipient_status(message.anymail_status, response, payload, message)
        except Exception as error:
            return error
        return None


class ListPayload:
    """The request for several prepared messages, in the form in which Anymail's backends post one."""

    def __init__(self, backend: Any, messages: Sequence[Any]) -> None:
        self._backend, self._messages = backend, messages

    def get_request_params(self, api_url: str) -> dict[str, Any]:
        elements: list[Element] = [message.prepared for message in self._messages]
        params: dict[str, Any] = elements[0].make_payload().get_request_params(api_url)
        return params | {
            "url": api_url + self._backend.endpoint,
            "data": b"[%b]" % b",".join([one.json for one in elements]),
            "headers": self._backend.headers_of_list(params["headers"], self._messages),
        }
