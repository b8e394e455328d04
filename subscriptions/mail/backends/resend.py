"""Anymail's backend for Resend with idempotency keys, by which Resend recognizes what it accepted before.

It also sends many mails in one request (at most 100), of which Resend takes all or none. The key of such a request is
made of the references of its mails, and Resend knows it again only for the same mails in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anymail.backends import resend

from subscriptions.mail.backends.batch import BatchBackend
from subscriptions.mail.backends.elements import Element
from subscriptions.mail.providers import key_of_batch


class Payload(resend.ResendPayload):
    def get_request_params(self, api_url: str) -> dict[str, Any]:
        params: dict[str, Any] = super().get_request_params(api_url)
        reference = getattr(self.message, "metadata", {}).get("reference")
        return params | {"headers": params["headers"] | ({"Idempotency-Key": reference} if reference else {})}


class EmailBackend(BatchBackend, resend.EmailBackend):
    endpoint = "emails/batch"

    def build_message_payload(self, message: Any, defaults: Any) -> Payload:
        return Payload(message, defaults, self)

    def headers_of_list(self, headers: dict[str, str], messages: Sequence[Any]) -> dict[str, str]:
        return headers | {"Idempotency-Key": key_of_batch([message.reference for message in messages])}

    def number_in(self, answer: Any, address: str) -> str:
        number = answer.get("id") if isinstance(answer, dict) and len(answer) == 1 else ""
        return number if isinstance(number, str) else ""

    def answers_to(self, elements: Sequence[Element], answer: Any) -> list[Any]:
        """Return the answers by their place, the only thing that tells them apart."""
        answers = answer["data"]
        return list(answers) if len(answers) == len(elements) else [None] * len(elements)
